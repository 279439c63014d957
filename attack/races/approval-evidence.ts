import { isDeepStrictEqual } from "node:util";
import type { Client } from "pg";
import type { Person } from "../../demo/api.ts";
import type { Answer } from "../send.ts";
import { type ApprovalStage, approvalsNeeded } from "./approval-stage.ts";

/** What a party did, and was told. */
export interface Said {
  move: string;
  who: Person;
  answer: Answer;
}

/** What one round was about, and what its target was before. */
interface Wanted {
  id: string;
  agent: string;
  digest: string;
  description: string;
  earlier: { description: string; generation: number };
}

interface Entry {
  position: number;
  operation: string;
  outcome: string;
  sub: string | null;
  digest: string | null;
  target: string | null;
  approval_id: string | null;
}

const ends = ["applied", "refused", "denied", "expired", "cancelled"];

/** One outcome, at most one execution, of exactly what was approved: from the rows alone, then against what the parties were told. */
export async function violationsOfRound(
  sql: Client,
  stage: ApprovalStage,
  wanted: Wanted,
  said: readonly Said[],
): Promise<string[]> {
  const violations: string[] = [];
  const must = (holds: boolean, what: string) => {
    if (!holds) violations.push(`${what} (request ${wanted.id})`);
  };
  const one = async <Row>(text: string, values: unknown[]): Promise<Row> => {
    const { rows } = await sql.query(text, values);
    if (rows.length !== 1) throw new Error(`${rows.length} rows for ${text}`);
    return rows[0] as Row;
  };
  const request = await one<{
    status: string;
    digest: string;
    diff: unknown;
    requester_id: string;
    in_time: boolean;
    consumed: boolean;
  }>(
    `select status, digest, diff, requester_id, decided_at <= expires_at as in_time, consumed_at is not null as consumed
       from approval_requests where id = $1`,
    [wanted.id],
  );
  const operation = await one<{ status: string; diff: unknown }>("select status, diff from operations where id = $1", [
    wanted.id,
  ]);
  const agent = await one<{ description: string; generation: number }>(
    "select description, generation::int from agents where id = $1",
    [wanted.agent],
  );
  const votes = (
    await sql.query<{ principal_id: string; decision: string; digest: string }>(
      "select principal_id, decision, digest from approval_votes where request_id = $1",
      [wanted.id],
    )
  ).rows;
  const entries = (
    await sql.query<Entry>(
      `select position::int, e ->> 'operation' as operation, e ->> 'outcome' as outcome, e ->> 'sub' as sub,
              e ->> 'digest' as digest, e ->> 'target' as target, e ->> 'approval_id' as approval_id
         from control_plane_audit, lateral (select body::jsonb as e) as parsed
        where organisation_id = $1 and (request_id = $2 or e ->> 'target' like 'attachment:' || $3 || '/%')
        order by position`,
      [stage.organisationId, wanted.id, wanted.agent],
    )
  ).rows;
  const told = await one<{ count: number }>(
    "select count(*)::int from change_events where type = 'agent.update' and payload ->> 'request_id' = $1",
    [wanted.id],
  );

  // One outcome, and everything says the same one.
  const about = entries.filter((entry) => entry.approval_id === wanted.id && entry.operation === "agent.update");
  const asked = about.filter(({ outcome }) => outcome === "pending_approval");
  const ended = about.filter(({ outcome }) => ends.includes(outcome));
  must(asked.length === 1, `${asked.length} entries that it was asked`);
  must(ended.length === 1 && ended[0]?.outcome === operation.status, `it ended ${ended.length} times in the trail`);
  must(request.status === operation.status, `the request is ${request.status}, the operation ${operation.status}`);
  must(request.consumed, "the request is not marked as used up");

  // Executed once when applied, and then exactly what was approved; otherwise never.
  const applied = operation.status === "applied";
  const since = asked[0]?.position ?? 0;
  const until = ended[0]?.position ?? 0;
  const edits = entries.filter(
    ({ target, outcome, position }) =>
      target?.startsWith("attachment:") === true && outcome === "applied" && position > since,
  );
  must(told.count === (applied ? 1 : 0), `${told.count} changes were told of`);
  must(
    agent.generation === wanted.earlier.generation + edits.length + (applied ? 1 : 0),
    `the target went from version ${wanted.earlier.generation} to ${agent.generation} by ${edits.length} edits`,
  );
  must(
    agent.description === (applied ? wanted.description : wanted.earlier.description),
    `the target says "${agent.description}", and the request was ${operation.status}`,
  );
  if (applied) {
    must(ended[0]?.digest === wanted.digest && request.digest === wanted.digest, "another digest was applied");
    must(isDeepStrictEqual(operation.diff, request.diff), "another change was applied than the approvers saw");
    must(!edits.some(({ position }) => position < until), "applied to a target that was edited after it was asked");
    must(request.in_time, "decided after its time");
  }

  // Who decided: each once, with the right to, of what they saw.
  const electorate = new Set(stage.approvers.map(({ id }) => id));
  const approvals = votes.filter(({ decision }) => decision === "approve");
  must(
    votes.every(({ principal_id }) => electorate.has(principal_id)),
    "a vote of somebody without a right to it",
  );
  must(
    votes.every(({ digest }) => digest === wanted.digest),
    "a vote on another digest",
  );
  must(new Set(votes.map(({ principal_id }) => principal_id)).size === votes.length, "somebody has voted twice");
  must(approvals.length <= approvalsNeeded, `${approvals.length} approvals, the last ones after the decision`);
  const denied = votes.length > approvals.length;
  if (applied) must(approvals.length === approvalsNeeded && !denied, "applied without its approvals");
  if (operation.status === "denied") must(denied, "denied by nobody");
  const voted = entries.filter((entry) => entry.operation === "approval.vote" && entry.outcome === "voted");
  must(voted.length === votes.length, `${votes.length} votes, ${voted.length} entries of votes`);
  const withdrawn = entries.filter((entry) => entry.operation === "request.cancel" && entry.outcome === "cancelled");
  must(withdrawn.length === (operation.status === "cancelled" ? 1 : 0), `${withdrawn.length} withdrawals`);

  // What the parties were told: nothing that did not happen, and no fault of the server.
  const counted = new Set(votes.map(({ principal_id, decision }) => `${principal_id} ${decision}`));
  for (const { move, who, answer } of said) {
    const fits = answerFits(move, answer.status, operation.status, (decision) =>
      counted.has(`${(who as Person & { id?: string }).id} ${decision}`),
    );
    must(fits, `${who.email}, who wanted to ${move}, was told ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  return violations;
}

function answerFits(move: string, status: number, end: string, counted: (decision: string) => boolean): boolean {
  switch (move) {
    case "approve":
    case "deny":
      // 410: it had run out, which the row may not yet say.
      return status === 200 ? counted(move) : [409, 410].includes(status) && !counted(move);
    case "cancel":
      return status === 200 ? end === "cancelled" : status === 409;
    case "edit":
      return status === 201 || status === 409 || status === 202;
    case "approve another digest":
      return status === 409 || status === 410;
    case "approve own":
      return status === 403;
    default:
      // Of another organisation: it is not there at all.
      return status === 403 || status === 404;
  }
}

/** What must hold of the whole organisation: every version of a target has its entry, and the chain is in order. */
export async function violationsOfOrganisation(sql: Client, stage: ApprovalStage): Promise<string[]> {
  const violations: string[] = [];
  const { rows } = await sql.query<{ id: string; generation: number; entries: number }>(
    `select a.id, a.generation::int, (select count(*)::int from control_plane_audit c
        where c.organisation_id = a.organisation_id and c.entry ->> 'outcome' = 'applied'
          and (c.entry ->> 'target' = 'agent:' || a.id or c.entry ->> 'target' like 'attachment:' || a.id || '/%')) as entries
       from agents a where a.organisation_id = $1`,
    [stage.organisationId],
  );
  for (const { id, generation, entries } of rows)
    if (generation !== entries) violations.push(`agent ${id} has ${generation} versions and ${entries} entries`);
  const verdict = await stage.admin.get<{ intact: boolean }>("/audit/verify");
  if (!verdict.intact) violations.push(`the audit chain is broken: ${JSON.stringify(verdict)}`);
  return violations;
}
