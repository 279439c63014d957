import { type Decision, decisionOf } from "../../core/approval/decision.ts";
import { type ApprovalStatus, type CastVote, type Requirement, roleAt } from "../../core/approval/votes.ts";
import type { Sql, Tx } from "../database.ts";
import type { HeldRole } from "./authority.ts";
import { announce } from "./changes.ts";
import { type Hold, isBelow, type Listed, type Sight } from "./sights.ts";

export interface ApprovalRow {
  id: string;
  kind: "operation" | "tool_call" | "permission" | "budget";
  session_id: string | null;
  operation: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  requester_id: string;
  requester_email: string;
  act: string;
  requirements: Requirement[];
  digest: string;
  diff: { before: Record<string, unknown> | null; after: Record<string, unknown> | null; summary: string };
  status: ApprovalStatus;
  reason: string | null;
  workflow_id: string;
  created_at: Date;
  expires_at: Date;
  decided_at: Date | null;
  /** The run that asks, when one does. */
  run: { id: string; trace_id: string } | null;
  votes: (CastVote & { email: string; reason: string | null; at: string })[];
}

const approvalFrom = `from approval_requests r
  join ous o on o.organisation_id = r.organisation_id and o.id = r.ou_id
  join users u on u.organisation_id = r.organisation_id and u.id = r.requester_id`;

export const approvalSelect = `select r.id, r.kind, r.session_id, r.operation, r.ou_id, o.path as ou_path,
  o.ancestors as ou_ancestors, r.requester_id, u.email as requester_email, r.act, r.requirements, r.digest, r.diff, r.status,
  r.reason, r.workflow_id, r.created_at, r.expires_at, r.decided_at, case when r.act like 'run:%' then (
    select json_build_object('id', a.id, 'trace_id', a.trace_id) from agent_runs a
     where a.organisation_id = r.organisation_id and a.id = substr(r.act, 5)::uuid) end as run, coalesce((
    select json_agg(json_build_object('principalId', v.principal_id, 'decision', v.decision, 'roles', v.roles,
             'email', voter.email, 'reason', v.reason, 'at', v.at) order by v.at)
      from approval_votes v join users voter on voter.organisation_id = v.organisation_id and voter.id = v.principal_id
     where v.organisation_id = r.organisation_id and v.request_id = r.id), '[]') as votes
  ${approvalFrom}`;

export const approvalList: Listed = { select: approvalSelect, from: approvalFrom, id: "r.id", ou: "r.ou_id" };

/** An approval request with its votes; `lock` holds it until the transaction ends. */
export async function findApproval(sql: Sql, id: string, lock?: "lock"): Promise<ApprovalRow | undefined> {
  // In a statement of its own: after waiting for a row lock only that row is read anew, the votes would be those from before.
  const [, row] = await Promise.all([
    lock === undefined ? undefined : sql.run("select from approval_requests where id = $1 for update", [id]),
    sql.maybe<ApprovalRow>(`${approvalSelect} where r.id = $1`, [id]),
  ]);
  return row;
}

/** What is asked of approvers, by request. */
export async function requirementsOf(sql: Sql, ids: readonly string[]): Promise<Map<string, Requirement[]>> {
  if (ids.length === 0) return new Map();
  const rows = await sql.rows<{ id: string; requirements: Requirement[] }>(
    "select id, requirements from approval_requests where id = any ($1::text[])",
    [[...new Set(ids)]],
  );
  return new Map(rows.map(({ id, requirements }) => [id, requirements]));
}

/** What pending requests ask for: few different things, however many requests there are. */
export interface Asked {
  digest: string;
  requirements: Requirement[];
}

/** From each to the next in the index: what it costs grows with what is asked for, not with the requests. */
export function pendingAsked(sql: Sql): Promise<Asked[]> {
  return sql.rows<Asked>(
    `with recursive asked as (
       (select requirements_digest, requirements from approval_requests where status = 'pending'
         order by requirements_digest limit 1)
       union all
       select n.* from asked a cross join lateral (
         select r.requirements_digest, r.requirements from approval_requests r
          where r.status = 'pending' and r.requirements_digest > a.requirements_digest
          order by r.requirements_digest limit 1) n)
     select requirements_digest as digest, requirements from asked`,
  );
}

/** What is asked for that somebody's roles count for: in any OU, or in some and those below. */
export interface Counted {
  digests: string[];
  roots: "anywhere" | readonly string[];
}

/**
 * SQL: somebody may vote on the request now. Their roles have been matched with what is asked before; the rest is what
 * `castVote` asks of the request itself.
 */
export async function isVotable(
  sql: Sql,
  principalId: string,
  counted: readonly Counted[],
  now: Date,
  hold: Hold,
): Promise<string> {
  const asked = await Promise.all(
    counted.map(async ({ digests, roots }) => {
      const at = roots === "anywhere" ? "true" : await isBelow(sql, "r.ou_id", roots, hold);
      return `r.requirements_digest = any (${hold(digests)}::text[]) and ${at}`;
    }),
  );
  const person = `${hold(principalId)}::uuid`;
  return `r.status = 'pending' and r.requester_id <> ${person} and r.expires_at > ${hold(now)}::timestamptz
    and (${asked.length === 0 ? "false" : asked.map((one) => `(${one})`).join(" or ")})
    and not exists (select from approval_votes v
                     where v.organisation_id = r.organisation_id and v.request_id = r.id and v.principal_id = ${person})`;
}

/** Somebody who reads requests. */
export interface ApprovalReader {
  principalId: string;
  /** OUs from which downwards they may read approvals. */
  roots: readonly string[];
  /** All they hold. */
  roles: readonly HeldRole[];
}

/**
 * How somebody sees requests: their own; those about an OU, their own or another, where they may read approvals; those that ask
 * for a role that they hold there: whoever may decide may see, before and after.
 */
export function approvalSights(reader: ApprovalReader, hold: Hold): Sight[] {
  return [{ roots: reader.roots }, ...sightsBesides(reader, hold)];
}

/** All ways but that of the OUs where they may read approvals, whatever is asked there. */
export function sightsBesides({ principalId, roots, roles }: ApprovalReader, hold: Hold): Sight[] {
  const elsewhere = [
    `r.also_at ?| ${hold(roots)}::text[]`,
    `r.asked_roles && ${hold(roles.map(({ role, ou_id }) => roleAt(role, ou_id)))}::text[]`,
  ];
  const byRole = Map.groupBy(
    roles.filter(({ ou_id }) => !roots.includes(ou_id)),
    ({ role }) => role,
  );
  return [
    { condition: `r.requester_id = ${hold(principalId)}::uuid` },
    { condition: `r.also_at is not null and (${elsewhere.join(" or ")})` },
    ...[...byRole].map(([role, held]) => ({
      roots: held.map(({ ou_id }) => ou_id),
      condition: `${hold(role)}::text = any (r.asked_roles)`,
    })),
  ];
}

export interface NewApproval {
  id: string;
  kind: ApprovalRow["kind"];
  sessionId: string | null;
  operation: string;
  ouId: string;
  requesterId: string;
  act: string;
  requirements: readonly Requirement[];
  digest: string;
  diff: ApprovalRow["diff"];
  workflowId: string;
  /** The run that asks, when one does. */
  runId?: string;
  expiresAt: Date;
}

/** Stores a request, and tells those who may read approvals there, and the person it is asked for, that it waits. */
export async function insertApproval(tx: Tx, approval: NewApproval): Promise<void> {
  const { id, operation, ouId, requesterId, diff } = approval;
  announce(tx, {
    type: "approval.requested",
    ouId,
    permission: "approval:read",
    principalId: requesterId,
    payload: { target: { type: "approval", id }, request_id: id, operation, summary: diff.summary },
  });
  await tx.run(
    `insert into approval_requests (id, organisation_id, kind, session_id, operation, ou_id, requester_id, act, requirements,
       digest, diff, workflow_id, run_id, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      id,
      tx.organisationId,
      approval.kind,
      approval.sessionId,
      operation,
      ouId,
      requesterId,
      approval.act,
      JSON.stringify(approval.requirements),
      approval.digest,
      diff,
      approval.workflowId,
      approval.runId ?? null,
      approval.expiresAt,
    ],
  );
}

/** Tells that somebody has voted. */
export function announceVote(tx: Tx, approval: ApprovalRow, decision: CastVote["decision"]): void {
  const { id, operation, ou_id, requester_id, diff } = approval;
  announce(tx, {
    type: "approval.voted",
    ouId: ou_id,
    permission: "approval:read",
    principalId: requester_id,
    payload: { target: { type: "approval", id }, request_id: id, operation, decision, summary: diff.summary },
  });
}

/** What people have made of a request, by its row. */
export function decisionOn(approval: ApprovalRow, now: Date): Decision {
  return decisionOf(
    {
      status: approval.status,
      reason: approval.reason,
      expiresAt: approval.expires_at,
      decidedAt: approval.decided_at,
    },
    now,
  );
}

/** SQL: tells of those in `decided (id, was)` whose decision is new. What is applied is told by what it changes. */
const announceDecided = `insert into change_events (organisation_id, type, ou_id, permission, principal_id, payload)
  select r.organisation_id, 'approval.decided', r.ou_id, 'approval:read', r.requester_id, jsonb_build_object(
           'target', jsonb_build_object('type', 'approval', 'id', r.id), 'request_id', r.id, 'operation', r.operation,
           'status', r.status, 'summary', r.diff ->> 'summary')
    from decided r where r.status <> r.was and r.status in ('approved', 'denied', 'expired', 'cancelled')`;

/**
 * Decides a pending request, which the transaction holds locked, and tells of it. `consumed` marks that its effect (or its
 * having none) is recorded too.
 */
export async function decideApproval(
  tx: Tx,
  id: string,
  decision: { status: ApprovalStatus; reason?: string | null; consumed?: boolean },
  now: Date,
): Promise<void> {
  await tx.run(
    `with before as (select id, status as was from approval_requests where id = $1),
     decided as (
       update approval_requests r set status = $2, reason = coalesce($3, reason), decided_at = coalesce(decided_at, $4::timestamptz),
         consumed_at = case when $5 then $4::timestamptz else consumed_at end from before where r.id = before.id
        returning r.*, before.was)
     ${announceDecided}`,
    [id, decision.status, decision.reason ?? null, now, decision.consumed ?? false],
  );
}

/**
 * Withdraws what somebody has asked the control plane for and nobody has decided yet, and tells of it.
 * @param act through whom it was asked for
 * @returns what was withdrawn, and whose workflow waits for it
 */
export async function withdrawOperationsOf(
  tx: Tx,
  act: string,
  reason: string,
  now: Date,
): Promise<{ id: string; workflow_id: string }[]> {
  return tx.rows(
    `with decided as (
       update approval_requests set status = 'cancelled', reason = $2, decided_at = $3
        where kind = 'operation' and act = $1 and status = 'pending' returning *, 'pending' as was),
     told as (${announceDecided})
     select id, workflow_id from decided`,
    [act, reason, now],
  );
}
