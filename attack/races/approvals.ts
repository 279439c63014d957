import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { Person } from "../../demo/api.ts";
import { eventually, seededRandom } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";
import { countOf, type Effort, type Report } from "../report.ts";
import { type Answer, send } from "../send.ts";
import { type Said, violationsOfOrganisation, violationsOfRound } from "./approval-evidence.ts";
import { type ApprovalStage, setApprovalStage } from "./approval-stage.ts";

const parties = 50;

/** What a party does at the instant, and how often of fifty in each kind of round. */
type Move = "approve" | "deny" | "cancel" | "edit" | "approve own" | "approve without right" | "approve another digest";

/** Kinds of rounds: who is there besides those who may not decide, and approvers who approve again and again. */
const kinds = {
  "approvals only": {},
  "approvals and a denial": { deny: 1 },
  "approvals and a withdrawal": { cancel: 2 },
  "approvals and an edit of the target": { edit: 2 },
  "approvals and the end of the time": { expiry: true },
  everything: { deny: 2, cancel: 2, edit: 1, expiry: true },
} satisfies Record<string, { deny?: number; cancel?: number; edit?: number; expiry?: boolean }>;

interface Party {
  move: Move;
  who: Person;
  delayMs: number;
}

/** Fifty parties over one request at the same instant, round by round; what came of each is read from the database behind it. */
export async function raceForApprovals(arena: Arena, { seed, rounds }: Effort): Promise<Report> {
  const stage = await setApprovalStage(arena);
  const random = seededRandom(seed);
  const sql = new Client({ connectionString: arena.adminUrl });
  await sql.connect();
  const violations: string[] = [];
  const ends = new Map<string, string[]>();
  try {
    const before = await violationsOfOrganisation(sql, stage);
    for (let round = 0; round < rounds; round += 1) {
      const names = Object.keys(kinds) as (keyof typeof kinds)[];
      // A short attack does not reach all kinds: which it does is the seed's choice.
      const name = names[(seed + round) % names.length] ?? "everything";
      const { end, said, wanted } = await oneRound(arena, stage, sql, random, name, round);
      const found = await violationsOfRound(sql, stage, wanted, said);
      violations.push(...found.map((violation) => `approvals, round ${round} (${name}): ${violation}`));
      ends.set(name, [...(ends.get(name) ?? []), end]);
    }
    const after = await violationsOfOrganisation(sql, stage);
    violations.push(...after.filter((violation) => !before.includes(violation)));
  } finally {
    await sql.end();
  }
  return {
    tallies: [...ends].map(([name, outcomes]) => ({
      what: `rounds of ${parties} parties over one request: ${name}`,
      tried: outcomes.length,
      outcome: countOf(outcomes),
    })),
    violations,
  };
}

async function oneRound(
  arena: Arena,
  stage: ApprovalStage,
  sql: Client,
  random: () => number,
  name: keyof typeof kinds,
  round: number,
) {
  const kind: { deny?: number; cancel?: number; edit?: number; expiry?: boolean } = kinds[name];
  const agent = kind.expiry === true ? stage.agents.hasty : stage.agents.patient;
  const { rows: earlier } = await sql.query<{ description: string; generation: number }>(
    "select description, generation::int from agents where id = $1",
    [agent],
  );
  const description = `Round ${round}: ${random()}`;
  const asked = await send(arena.apiUrl, stage.requester.token, "PATCH", `/agents/${agent}`, { description });
  if (asked.status !== 202) throw new Error(`asking answered ${asked.status}: ${JSON.stringify(asked.body)}`);
  const id = String(asked.body["id"]);
  const { rows } = await sql.query<{ digest: string; expires_at: Date }>(
    "select digest, expires_at from approval_requests where id = $1",
    [id],
  );
  const { digest, expires_at } = rows[0] ?? { digest: "", expires_at: new Date() };

  // Everybody is there when the time runs out, a little before or after.
  if (kind.expiry === true) await sleep(Math.max(0, expires_at.getTime() - Date.now() - 80 - random() * 80));
  const spread = kind.expiry === true ? 120 : 25;
  const said = await Promise.all(
    partiesOf(stage, random, kind, spread).map(async ({ move, who, delayMs }, index): Promise<Said> => {
      await sleep(delayMs);
      const url = arena.apiUrls[index % arena.apiUrls.length] ?? arena.apiUrl;
      return { move, who, answer: await make(url, stage, agent, id, digest, move, who, round) };
    }),
  );
  // Nobody may have decided: then the requester withdraws it, and nothing is left for the next round to trip over.
  const open = await sql.query("select from approval_requests where id = $1 and status = 'pending'", [id]);
  if (open.rowCount === 1 && kind.expiry !== true)
    said.push({
      move: "cancel",
      who: stage.requester,
      answer: await make(arena.apiUrl, stage, agent, id, digest, "cancel", stage.requester, round),
    });
  const end = await eventually(async () => {
    const found = await sql.query<{ status: string }>(
      "select status from operations where id = $1 and finished_at is not null",
      [id],
    );
    return found.rows[0]?.status;
  }, `request ${id} comes to an end`);
  const wanted = { id, agent, digest, description, earlier: earlier[0] ?? { description: "", generation: 0 } };
  return { end, said, wanted };
}

function partiesOf(
  stage: ApprovalStage,
  random: () => number,
  { deny = 0, cancel = 0, edit = 0 }: { deny?: number; cancel?: number; edit?: number },
  spreadMs: number,
): Party[] {
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
  const some = (move: Move, count: number, who: readonly Person[]) =>
    Array.from({ length: count }, () => ({ move, who: pick(who) }));
  // Whoever denies does not approve, too: what their own second vote is told depends on which came first.
  const deniers = stage.approvers.slice(0, deny);
  const moves = [
    ...deniers.map((who) => ({ move: "deny" as const, who })),
    ...some("cancel", cancel, [stage.requester]),
    ...some("edit", edit, [stage.editor]),
    ...some("approve own", 3, [stage.requester]),
    ...some("approve without right", 6, stage.outsiders),
    ...some("approve another digest", 3, stage.approvers),
  ];
  const approving = some("approve", parties - moves.length, stage.approvers.slice(deny));
  // So many approve that they would nearly always be first: in each round they come later by another stretch of time.
  const behindMs = random() * spreadMs;
  const delayed = (party: { move: Move; who: Person }, behind: number) => ({
    ...party,
    delayMs: behind + random() * spreadMs,
    at: random(),
  });
  return [...moves.map((party) => delayed(party, 0)), ...approving.map((party) => delayed(party, behindMs))].toSorted(
    (a, b) => a.at - b.at,
  );
}

function make(
  url: string,
  stage: ApprovalStage,
  agent: string,
  id: string,
  digest: string,
  move: Move,
  { token }: Person,
  round: number,
): Promise<Answer> {
  const vote = (body: Record<string, unknown>) => send(url, token, "POST", `/approvals/${id}/votes`, body);
  switch (move) {
    case "approve":
    case "approve own":
    case "approve without right":
      return vote({ decision: "approve", digest });
    case "approve another digest":
      return vote({ decision: "approve", digest: "0".repeat(digest.length) });
    case "deny":
      return vote({ decision: "deny", digest, reason: "Not now." });
    case "cancel":
      return send(url, token, "POST", `/requests/${id}/cancel`, {});
    case "edit":
      // The other version in every round: attached again, the same one would change nothing.
      return send(url, token, "POST", `/agents/${agent}/skills`, {
        skill_id: stage.skill,
        version: (Math.floor(round / Object.keys(kinds).length) % 2) + 1,
      });
  }
}
