import type { Evidence, OperationRow } from "./evidence.ts";
import { actions, appliedFor, entriesOf, type Told } from "./facts.ts";
import type { Violation } from "./record.ts";

/** What was answered as done is done, once; what was done is what somebody asked for. */
export function checkEffects(evidence: Evidence, told: readonly Told[]): Violation[] {
  const found: Violation[] = [];
  const governed = told.filter(({ operation }) => !actions.has(operation));
  const claimed = new Set<OperationRow>();
  for (const [one, rows] of appliedFor(evidence, governed)) {
    for (const row of rows) claimed.add(row);
    const what = `${one.operation} by ${one.email} (key ${one.key})`;
    if (one.outcome === "applied" && rows.length === 0)
      found.push({ kind: "lost", what: `${what} was answered as applied, and no operation says so` });
    if (rows.length > 1)
      found.push({
        kind: "duplicated",
        what: `${what} was applied ${rows.length} times: ${rows.map(({ id }) => id).join(", ")}`,
      });
    if (rows.length > 0 && one.outcome !== undefined && !["applied", "unknown"].includes(one.outcome))
      found.push({ kind: "duplicated", what: `${what} was answered as ${one.outcome}, and was applied all the same` });
  }
  // What agents in sessions and runs do is theirs to ask for; their actor is in the row.
  const byAgents = evidence.operations.filter(({ act, status }) => act !== "" && status === "applied");
  for (const [what, same] of Map.groupBy(byAgents, ({ sid, name, input }) => `${sid} ${name} ${JSON.stringify(input)}`))
    if (same.length > 1) found.push({ kind: "duplicated", what: `session ${what} was applied ${same.length} times` });
  // A bootstrap, once asked for, asks for what it is made of.
  const asked = new Set(told.filter(({ operation }) => operation === "bootstrap").map(({ email }) => email));
  const ofBootstrap = ({ key, email }: OperationRow) => key?.startsWith("bootstrap:") === true && asked.has(email);
  for (const row of evidence.operations)
    if (row.status === "applied" && row.act === "" && !claimed.has(row) && !ofBootstrap(row))
      found.push({
        kind: "unauthorised",
        what: `${row.name} ${row.id} of ${row.email} was applied, and nobody asked for it`,
      });
  for (const one of told) found.push(...lostAction(evidence, one));
  return [...found, ...checkStates(evidence)];
}

function lostAction(evidence: Evidence, one: Told): Violation[] {
  if (one.outcome !== "applied" || !actions.has(one.operation)) return [];
  const lost = (why: string): Violation[] => [{ kind: "lost", what: `${one.operation} by ${one.email}: ${why}` }];
  const { decision } = one.marks;
  const [request_id, session_id, run_id] = ["request_id", "session_id", "run_id"].map((name) =>
    String(one.marks[name]),
  );
  switch (one.operation) {
    case "approval.vote":
      return evidence.votes.some(
        (vote) => vote.request_id === request_id && vote.email === one.email && vote.decision === decision,
      )
        ? []
        : lost(`request ${request_id} has no such vote`);
    case "request.cancel":
      return evidence.requests.find(({ id }) => id === request_id)?.status === "cancelled"
        ? []
        : lost(`request ${request_id} is not cancelled`);
    case "agent.invoke":
      return evidence.sessions.some(({ id }) => id === one.target) ? [] : lost(`there is no session ${one.target}`);
    case "session.end":
      return evidence.sessions.some(({ id, status }) => id === session_id && ["ended", "failed"].includes(status))
        ? []
        : lost(`session ${session_id} has not ended`);
    case "run.start":
      return evidence.runs.some(({ id }) => id === one.target) ? [] : lost(`there is no run ${one.target}`);
    case "run.cancel":
      return evidence.runs.some(({ id, status }) => id === run_id && !["received", "running"].includes(status))
        ? []
        : lost(`run ${run_id} goes on`);
    default:
      return [];
  }
}

/** The tables hold what the applied operations, taken in the order of the audit trail, come to. */
function checkStates(evidence: Evidence): Violation[] {
  const positions = new Map(
    entriesOf(evidence)
      .filter(({ outcome }) => outcome === "applied")
      .map(({ id, position }) => [id, position]),
  );
  const applied = evidence.operations
    .filter(({ status }) => status === "applied")
    .toSorted((a, b) => (positions.get(a.id) ?? 0) - (positions.get(b.id) ?? 0));
  const agents = new Map(evidence.agents.map((agent) => [agent.id, agent]));
  const here = {
    binding: new Set(evidence.bindings.map(({ id }) => id)),
    ou: new Set(evidence.ous.map(({ id }) => id)),
    user: new Set(evidence.users.map(({ id }) => id)),
    group: new Set(evidence.groups.map(({ id }) => id)),
  };
  const described = new Map<string, string>();
  const unbound = new Set<string>();
  const made = new Set<string>();
  const found: Violation[] = [];
  const lost = (row: OperationRow, why: string) => found.push({ kind: "lost", what: `${row.name} ${row.id}: ${why}` });
  for (const row of applied) {
    const target = row.target_id ?? "";
    if (row.name.endsWith(".create")) made.add(target);
    if (row.name === "agent.create" && !agents.has(target)) lost(row, `there is no agent ${target}`);
    if (row.name === "agent.update" && typeof row.input["description"] === "string")
      described.set(target, row.input["description"]);
    if (row.name === "agent.delete" && agents.get(target)?.deleted_at == null)
      lost(row, `agent ${target} is still there`);
    if (row.name === "binding.delete") unbound.add(target);
    if (row.name === "ou.create" && !here.ou.has(target)) lost(row, `there is no OU ${target}`);
    if (row.name === "user.create" && !here.user.has(target)) lost(row, `there is no person ${target}`);
    if (row.name === "group.create" && !here.group.has(target)) lost(row, `there is no group ${target}`);
  }
  for (const row of applied)
    if (row.name === "binding.create" && here.binding.has(row.target_id ?? "") === unbound.has(row.target_id ?? ""))
      lost(row, `binding ${row.target_id} is ${unbound.has(row.target_id ?? "") ? "still" : "not"} there`);
  for (const [id, text] of described)
    if (agents.get(id)?.description !== text)
      found.push({ kind: "lost", what: `agent ${id} is described as "${agents.get(id)?.description}", not "${text}"` });
  for (const [name, same] of Map.groupBy(evidence.agents, (agent) => `${agent.ou} ${agent.name}`))
    if (same.filter(({ deleted_at }) => deleted_at === null).length > 1)
      found.push({ kind: "duplicated", what: `there are ${same.length} agents at ${name}` });
  for (const { id, name } of evidence.agents)
    if (!made.has(id)) found.push({ kind: "unaudited", what: `agent ${id} (${name}) was made by no operation` });
  return found;
}
