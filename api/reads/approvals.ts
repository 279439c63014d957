import { approvalKinds, approvalStatuses } from "../../contracts/views.ts";
import { approverRoles, votingRoots } from "../../core/approval/votes.ts";
import { type ApprovalTally, countApprovals } from "../../db/queries/approval-counts.ts";
import {
  type ApprovalReader,
  type ApprovalRow,
  approvalList,
  approvalSelect,
  approvalSights,
  type Counted,
  isVotable,
  pendingAsked,
} from "../../db/queries/approvals.ts";
import { type HeldRole, heldRoles } from "../../db/queries/authority.ts";
import { approvalToView } from "../views/requests.ts";
import {
  Conditions,
  found,
  narrowToPerson,
  narrowToSame,
  narrowToText,
  type ReadContext,
  readSeen,
  rootsOf,
  type Seen,
  seen,
} from "./scope.ts";

const soonMs = 24 * 3_600_000;

export const approvalReads: Record<string, (context: ReadContext) => Promise<unknown>> = {
  "approval.list": async (context) => {
    const held = await heldBy(context);
    const approvals = await readable(context, held);
    const { conditions } = approvals;
    // Written out: what waits has indexes of its own, which an unknown value cannot use.
    if (context.query["status"] === "pending") conditions.add("r.status = 'pending'");
    else if (context.query["status"] === "decided") conditions.add("r.status <> 'pending'");
    else narrowToSame(context, conditions, { status: "r.status" });
    narrowToSame(context, conditions, { kind: "r.kind", operation: "r.operation" });
    await narrowToPerson(context, conditions, "requester", "r.requester_id");
    narrowToText(context, conditions, ["r.diff ->> 'summary'", "r.operation", "u.email"]);
    if (context.query["mine"] !== undefined) await narrowToVotable(context, conditions, held);
    const view = (row: ApprovalRow) => viewFor(context, held, row);
    return readSeen<ApprovalRow, unknown>(context, approvalList, approvals, view, "desc");
  },
  "approval.summary": async (context) => {
    const { tx, now } = context;
    const held = await heldBy(context);
    const [reader, counted] = [await readerOf(context, held), await countedFor(context, held)];
    const soon = new Date(now.getTime() + soonMs);
    const { tallies, expiring, votable, gather } = await countApprovals(tx, { reader, counted, now, soon });
    if (gather !== undefined) context.afterwards(gather);
    const pending = tallies.filter(({ status }) => status === "pending");
    const count = (some: readonly ApprovalTally[]) => some.reduce((sum, tally) => sum + tally.count, 0);
    const operations = [...new Set(pending.map(({ operation }) => operation))]
      .map((operation) => ({ operation, count: count(pending.filter((tally) => tally.operation === operation)) }))
      .filter((one) => one.count > 0)
      .sort((a, b) => b.count - a.count || a.operation.localeCompare(b.operation));
    return {
      by_status: Object.fromEntries(
        approvalStatuses.map((status) => [status, count(tallies.filter((tally) => tally.status === status))]),
      ),
      pending: {
        total: count(pending),
        mine: votable,
        expiring,
        by_kind: Object.fromEntries(
          approvalKinds.map((kind) => [kind, count(pending.filter((tally) => tally.kind === kind))]),
        ),
        by_operation: operations,
      },
    };
  },
  "approval.get": async (context) => {
    const id = context.params["request_id"];
    const held = await heldBy(context);
    const conditions = seen(await readable(context, held)).add("r.id = ?", id);
    const row = await context.tx.maybe<ApprovalRow>(`${approvalSelect} where ${conditions.sql}`, conditions.values);
    return viewFor(context, held, found(row, "approval request", id));
  },
};

async function readerOf(context: ReadContext, roles: readonly HeldRole[]): Promise<ApprovalReader> {
  return { principalId: context.caller.principalId, roots: await rootsOf(context, "approval:read"), roles };
}

/** What the caller sees. */
async function readable(context: ReadContext, held: readonly HeldRole[]): Promise<Seen> {
  const conditions = new Conditions();
  return { sights: approvalSights(await readerOf(context, held), conditions.hold), conditions };
}

const heldBy = ({ tx, caller, now }: ReadContext) => heldRoles(tx, caller.principalId, now);

function viewFor({ caller, now }: ReadContext, held: readonly HeldRole[], row: ApprovalRow) {
  return approvalToView(row, { ...caller, roles: approverRoles(held, row.ou_ancestors, row.requirements) }, now);
}

/** Only what the caller may vote on now. */
async function narrowToVotable(context: ReadContext, conditions: Conditions, held: readonly HeldRole[]): Promise<void> {
  const { tx, caller, now } = context;
  const counted = await countedFor(context, held);
  conditions.add(await isVotable(tx, caller.principalId, counted, now, conditions.hold));
}

/** What is asked for in pending requests that the caller's roles count for. Who acts for somebody never votes. */
async function countedFor({ tx, caller }: ReadContext, held: readonly HeldRole[]): Promise<Counted[]> {
  if (caller.act !== "") return [];
  const asked = (await pendingAsked(tx)).map(({ digest, requirements }) => ({
    digest,
    roots: votingRoots(held, requirements),
  }));
  return [...Map.groupBy(asked, ({ roots }) => String(roots)).values()].flatMap((same) =>
    same.slice(0, 1).map(({ roots }) => ({ roots, digests: same.map(({ digest }) => digest) })),
  );
}
