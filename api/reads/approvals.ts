import { approvalKinds, approvalStatuses } from "../../contracts/views.ts";
import { approverRoles, mayVote } from "../../core/approval/votes.ts";
import {
  type ApprovalReader,
  type ApprovalRow,
  type ApprovalTally,
  approvalSelect,
  isSeenBy,
  isVotable,
  type Kinds,
  pendingKinds,
  tallyApprovals,
} from "../../db/queries/approvals.ts";
import { type HeldRole, heldRoles } from "../../db/queries/authority.ts";
import { approvalToView } from "../views/requests.ts";
import {
  Conditions,
  found,
  narrowToOu,
  narrowToPerson,
  narrowToSame,
  narrowToText,
  nobody,
  type ReadContext,
  readPage,
  rootsOf,
} from "./scope.ts";

const soonMs = 24 * 3_600_000;

export const approvalReads: Record<string, (context: ReadContext) => Promise<unknown>> = {
  "approval.list": async (context) => {
    const held = await heldBy(context);
    const conditions = await readable(context, held);
    await narrowToOu(context, conditions);
    if (context.query["status"] === "decided") conditions.add("r.status <> 'pending'");
    else narrowToSame(context, conditions, { status: "r.status" });
    narrowToSame(context, conditions, { kind: "r.kind", operation: "r.operation" });
    await narrowToPerson(context, conditions, "requester", "r.requester_id");
    narrowToText(context, conditions, ["r.diff ->> 'summary'", "r.operation", "u.email"]);
    if (context.query["mine"] !== undefined) await narrowToVotable(context, conditions, held);
    const view = (row: ApprovalRow) => viewFor(context, held, row);
    return readPage<ApprovalRow, unknown>(context, approvalSelect, "r.id", conditions, view, "desc");
  },
  "approval.summary": async (context) => {
    const { tx, now } = context;
    const held = await heldBy(context);
    const kinds = await kindsFor(context, held);
    const tallies = await tallyApprovals(
      tx,
      await readerOf(context, held),
      kinds,
      now,
      new Date(now.getTime() + soonMs),
    );
    const pending = tallies.filter(({ status }) => status === "pending");
    const count = (some: readonly ApprovalTally[], what: "count" | "expiring" | "votable" = "count") =>
      some.reduce((sum, tally) => sum + tally[what], 0);
    const operations = [...new Set(pending.map(({ operation }) => operation))]
      .map((operation) => ({ operation, count: count(pending.filter((tally) => tally.operation === operation)) }))
      .sort((a, b) => b.count - a.count || a.operation.localeCompare(b.operation));
    return {
      by_status: Object.fromEntries(
        approvalStatuses.map((status) => [status, count(tallies.filter((tally) => tally.status === status))]),
      ),
      pending: {
        total: count(pending),
        mine: count(pending, "votable"),
        expiring: count(pending, "expiring"),
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
    const conditions = (await readable(context, held)).add("r.id = ?", id);
    const row = await context.tx.maybe<ApprovalRow>(`${approvalSelect} where ${conditions.sql}`, conditions.values);
    return viewFor(context, held, found(row, "approval request", id));
  },
};

async function readerOf(context: ReadContext, roles: readonly HeldRole[]): Promise<ApprovalReader> {
  return { principalId: context.caller.principalId, roots: await rootsOf(context, "approval:read"), roles };
}

/** Only what the caller sees. */
async function readable(context: ReadContext, held: readonly HeldRole[]): Promise<Conditions> {
  const conditions = new Conditions();
  const seen = isSeenBy(await readerOf(context, held), (value) => `$${conditions.values.push(value)}`);
  return conditions.add(seen);
}

const heldBy = ({ tx, caller, now }: ReadContext) => heldRoles(tx, caller.principalId, now);

function viewFor({ caller, now }: ReadContext, held: readonly HeldRole[], row: ApprovalRow) {
  return approvalToView(row, { ...caller, roles: approverRoles(held, row.ou_ancestors, row.requirements) }, now);
}

/** Only what the caller may vote on now. */
async function narrowToVotable(context: ReadContext, conditions: Conditions, held: readonly HeldRole[]): Promise<void> {
  const { ous, digests } = await kindsFor(context, held);
  const last = conditions.values.push(context.caller.principalId, context.now, ous, digests);
  const [person, now, ofOus, ofDigests] = [3, 2, 1, 0].map((before) => `$${last - before}`) as [
    string,
    string,
    string,
    string,
  ];
  conditions.add(isVotable({ person, now, ous: ofOus, digests: ofDigests }));
}

/** Kinds of pending requests that the caller's roles count for, by the rule that counts votes: whoever asked is somebody else. */
async function kindsFor({ tx, caller, now }: ReadContext, held: readonly HeldRole[]): Promise<Kinds> {
  const kinds: Kinds = { ous: [], digests: [] };
  const { principalId } = caller;
  for (const { ou_id, ou_ancestors, asked } of await pendingKinds(tx))
    for (const { digest, requirements } of asked) {
      const expiresAt = new Date(now.getTime() + 1);
      const ballot = { status: "pending" as const, requirements, requesterId: nobody, expiresAt, votes: [], digest };
      const roles = approverRoles(held, ou_ancestors, requirements);
      if (!mayVote(ballot, { principalId, roles, delegated: caller.act !== "", now })) continue;
      kinds.ous.push(ou_id);
      kinds.digests.push(digest);
    }
  return kinds;
}
