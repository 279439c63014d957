import { approvalKinds, approvalStatuses } from "../../contracts/views.ts";
import { approverRoles, mayVote } from "../../core/approval/votes.ts";
import {
  type ApprovalRow,
  type ApprovalTally,
  approvalSelect,
  isAlsoAt,
  pendingKinds,
  tallyApprovals,
} from "../../db/queries/approvals.ts";
import { type HeldRole, heldRoles } from "../../db/queries/authority.ts";
import { approvalToView } from "../views/requests.ts";
import {
  type Conditions,
  found,
  narrowToPerson,
  narrowToSame,
  narrowToText,
  nobody,
  ownOr,
  type ReadContext,
  readPage,
  rootsOf,
} from "./scope.ts";

const soonMs = 24 * 3_600_000;

export const approvalReads: Record<string, (context: ReadContext) => Promise<unknown>> = {
  "approval.list": async (context) => {
    const conditions = await readable(context);
    narrowToSame(context, conditions, { status: "r.status", kind: "r.kind", operation: "r.operation" });
    await narrowToPerson(context, conditions, "requester", "r.requester_id");
    narrowToText(context, conditions, ["r.diff ->> 'summary'", "r.operation", "u.email"]);
    const held = await heldBy(context);
    if (context.query["mine"] !== undefined) await narrowToVotable(context, conditions, held);
    const view = (row: ApprovalRow) => viewFor(context, held, row);
    return readPage<ApprovalRow, unknown>(context, approvalSelect, "r.id", conditions, view, "desc");
  },
  "approval.summary": async (context) => {
    const { tx, caller, now } = context;
    const readableRoots = await rootsOf(context, "approval:read");
    const held = await heldBy(context);
    const viewer = { principalId: caller.principalId, readableRoots };
    const tallies = await tallyApprovals(tx, viewer, now, new Date(now.getTime() + soonMs));
    const pending = tallies.filter(({ status }) => status === "pending");
    const count = (some: readonly ApprovalTally[]) => some.reduce((sum, tally) => sum + tally.count, 0);
    const operations = [...new Set(pending.map(({ operation }) => operation))]
      .map((operation) => ({ operation, count: count(pending.filter((tally) => tally.operation === operation)) }))
      .sort((a, b) => b.count - a.count || a.operation.localeCompare(b.operation));
    return {
      by_status: Object.fromEntries(
        approvalStatuses.map((status) => [status, count(tallies.filter((tally) => tally.status === status))]),
      ),
      pending: {
        total: count(pending),
        mine: count(pending.filter((tally) => isVotable(context, held, tally))),
        expiring: count(pending.filter(({ expiring }) => expiring)),
        by_kind: Object.fromEntries(
          approvalKinds.map((kind) => [kind, count(pending.filter((tally) => tally.kind === kind))]),
        ),
        by_operation: operations,
      },
    };
  },
  "approval.get": async (context) => {
    const id = context.params["request_id"];
    const conditions = (await readable(context)).add("r.id = ?", id);
    const row = await context.tx.maybe<ApprovalRow>(`${approvalSelect} where ${conditions.sql}`, conditions.values);
    return viewFor(context, await heldBy(context), found(row, "approval request", id));
  },
};

/** A request may be about other OUs than its own: their approvers must see it. $2 are the OUs the caller may read at. */
const readable = (context: ReadContext) => ownOr(context, "r.requester_id", "approval:read", ` or ${isAlsoAt("$2")}`);

const heldBy = ({ tx, caller, now }: ReadContext) => heldRoles(tx, caller.principalId, now);

function viewFor({ caller, now }: ReadContext, held: readonly HeldRole[], row: ApprovalRow) {
  return approvalToView(row, { ...caller, roles: approverRoles(held, row.ou_ancestors, row.requirements) }, now);
}

/** Only what the caller may vote on now. Their roles are matched with kinds of requests, by the rule that counts votes. */
async function narrowToVotable(context: ReadContext, conditions: Conditions, held: readonly HeldRole[]): Promise<void> {
  const { tx, caller, now } = context;
  const votable = (await pendingKinds(tx)).filter((kind) =>
    isVotable(context, held, { ...kind, status: "pending", own: false, voted: false, expired: false }),
  );
  conditions.values.push(
    votable.map(({ ou_id }) => ou_id),
    votable.map(({ requirements }) => JSON.stringify(requirements)),
  );
  const [ous, requirements] = [conditions.values.length - 1, conditions.values.length];
  conditions
    .add(`(r.ou_id, r.requirements) in (select * from unnest($${ous}::uuid[], $${requirements}::jsonb[]))`)
    .add("r.status = 'pending' and r.expires_at > ?", now)
    .add("r.requester_id <> ?", caller.principalId)
    .add("r.id not in (select request_id from approval_votes where principal_id = ?)", caller.principalId);
}

function isVotable(
  { caller, now }: ReadContext,
  held: readonly HeldRole[],
  kind: Pick<ApprovalTally, "status" | "ou_ancestors" | "requirements" | "own" | "voted" | "expired">,
): boolean {
  const { principalId } = caller;
  const roles = approverRoles(held, kind.ou_ancestors, kind.requirements);
  const ballot = {
    status: kind.status,
    requirements: kind.requirements,
    requesterId: kind.own ? principalId : nobody,
    expiresAt: new Date(kind.expired ? now.getTime() : now.getTime() + 1),
    votes: kind.voted ? [{ principalId, decision: "approve" as const, roles }] : [],
    digest: "",
  };
  return mayVote(ballot, { principalId, roles, delegated: caller.act !== "", now });
}
