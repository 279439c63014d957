import type { Evidence } from "./evidence.ts";
import { type Entry, entriesOf } from "./facts.ts";
import type { Violation } from "./record.ts";

const settled = new Set(["applied", "refused", "denied", "expired", "cancelled"]);

/** Every effect has its entry, one; every entry has its effect. */
export function checkAudited(evidence: Evidence): Violation[] {
  const entries = entriesOf(evidence);
  const byId = Map.groupBy(entries, ({ id }) => id);
  const found: Violation[] = [];
  const missing = (what: string) => found.push({ kind: "unaudited", what });
  const entriesFor = (id: string, wanted: (entry: Entry) => boolean) => (byId.get(id) ?? []).filter(wanted);
  const users = new Map(evidence.users.map(({ id, email }) => [id, email]));

  const operations = new Map(evidence.operations.map((row) => [row.id, row]));
  for (const row of evidence.operations) {
    if (!settled.has(row.status)) continue;
    const { length } = entriesFor(row.id, ({ operation, outcome }) => operation === row.name && outcome === row.status);
    if (length !== 1) missing(`${row.name} ${row.id} is ${row.status} and has ${length} entries that say so`);
  }
  for (const entry of entries)
    if (entry.outcome === "applied" && entry.id.startsWith("req_") && operations.get(entry.id)?.status !== "applied")
      missing(`entry ${entry.position} says that ${entry.operation} ${entry.id} was applied, and it was not`);

  for (const vote of evidence.votes) {
    const { length } = entriesFor(
      vote.request_id,
      ({ operation, outcome, sub }) =>
        operation === "approval.vote" && outcome === "voted" && users.get(sub ?? "") === vote.email,
    );
    if (length !== 1) missing(`the vote of ${vote.email} on ${vote.request_id} has ${length} entries`);
  }
  const votes = new Set(evidence.votes.map(({ request_id, email }) => `${request_id} ${email}`));
  // Refused ones have entries too.
  for (const { operation, outcome, id, sub, position } of entries)
    if (operation === "approval.vote" && outcome === "voted" && !votes.has(`${id} ${users.get(sub ?? "")}`))
      missing(`entry ${position} tells of a vote on ${id} that is not there`);

  const targets = new Set(entries.map(({ operation, target }) => `${operation} ${target}`));
  for (const { id } of evidence.sessions)
    if (!targets.has(`agent.invoke session:${id}`)) missing(`session ${id} has no entry`);
  for (const run of evidence.runs) if (!targets.has(`run.start run:${run.id}`)) missing(`run ${run.id} has no entry`);
  return found;
}
