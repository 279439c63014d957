import { approverRoles, castVote } from "../../core/approval/votes.ts";
import { aboutRun } from "../../core/audit/entry.ts";
import { PowerloomError } from "../../core/errors.ts";
import type { Tx } from "../../db/database.ts";
import { type ApprovalRow, announceVote, decideApproval, findApproval } from "../../db/queries/approvals.ts";
import { appendAudit } from "../../db/queries/audit.ts";
import { heldRoles, lockAuthority } from "../../db/queries/authority.ts";
import { signalLookAgain } from "../../temporal/nudge.ts";
import { approvalToView } from "../views/requests.ts";
import type { ActionContext } from "./perform.ts";

/** Records a vote: right, not the requester, once, exact digest; all in one transaction. Then a signal says "look again". */
export async function voteOnApproval(context: ActionContext): Promise<Record<string, unknown>> {
  const { deps, caller, input } = context;
  const { request_id, decision, digest, reason } = input as {
    request_id: string;
    decision: "approve" | "deny";
    digest: string;
    reason?: string;
  };
  if (decision === "deny" && reason === undefined)
    throw new PowerloomError("invalid_input", "A denial needs a reason: say why, the requester will read it.", {
      pointer: "/reason",
    });
  return change(context, request_id, async (tx, approval, roles) => {
    const now = deps.now();
    const own = approval.votes.find((vote) => vote.principalId === caller.principalId);
    // The same vote again is the same answer, not a conflict: votes are unique per person by nature.
    if (own?.decision === decision && digest === approval.digest) return approval;
    const outcome = castVote(
      { ...approval, requesterId: approval.requester_id, expiresAt: approval.expires_at },
      { principalId: caller.principalId, roles, delegated: caller.act !== "", decision, digest, now },
    );
    if (!outcome.accepted) throw new PowerloomError(outcome.code, `${outcome.reason}.`, { rule: "vote-refused" });
    announceVote(tx, approval, decision);
    const [, , after] = await Promise.all([
      tx.run(
        `insert into approval_votes (organisation_id, request_id, principal_id, decision, roles, digest, reason)
         values ($1, $2, $3, $4, $5, $6, $7)`,
        [tx.organisationId, approval.id, caller.principalId, decision, roles, digest, reason ?? null],
      ),
      outcome.status === "pending"
        ? undefined
        : decideApproval(tx, approval.id, { status: outcome.status, reason: reason ?? null }, now),
      // Runs behind the other two, on the same connection.
      findApproval(tx, approval.id),
    ]);
    audit(context, tx, approval, "approval.vote", "voted", {
      decision,
      reason: reason ?? null,
      status: outcome.status,
    });
    return after;
  });
}

/** Withdraws one's own request while it waits. */
export async function cancelRequest(context: ActionContext): Promise<Record<string, unknown>> {
  const { deps, caller, input } = context;
  const reason = typeof input["reason"] === "string" ? input["reason"] : "withdrawn by the requester";
  return change(context, String(input["request_id"]), async (tx, approval) => {
    if (approval.requester_id !== caller.principalId)
      throw new PowerloomError("forbidden", "Only the requester can withdraw a request.", {
        rule: "not-the-requester",
      });
    if (approval.status === "cancelled") return approval;
    if (approval.status !== "pending")
      throw new PowerloomError("conflict", `The request is already ${approval.status}.`);
    await decideApproval(tx, approval.id, { status: "cancelled", reason }, deps.now());
    audit(context, tx, approval, "request.cancel", "cancelled", { reason });
    return findApproval(tx, approval.id);
  });
}

async function change(
  { deps, caller }: ActionContext,
  requestId: string,
  body: (tx: Tx, approval: ApprovalRow, roles: string[]) => Promise<ApprovalRow | undefined>,
): Promise<Record<string, unknown>> {
  const { view, workflowId } = await deps.db.inOrganisation(caller.organisationId, async (tx) => {
    const [, approval, held] = await Promise.all([
      lockAuthority(tx, "share"),
      findApproval(tx, requestId, "lock"),
      heldRoles(tx, caller.principalId, deps.now()),
    ]);
    if (approval === undefined)
      throw new PowerloomError("not_found", `No approval request found with id \`${requestId}\`.`, {
        pointer: "/request_id",
      });
    const roles = approverRoles(held, approval.ou_ancestors, approval.requirements);
    const after = (await body(tx, approval, roles)) ?? approval;
    return { view: approvalToView(after, { ...caller, roles }, deps.now()), workflowId: approval.workflow_id };
  });
  // Also after a vote that decides nothing yet: the board in the Temporal UI counts votes.
  await deps.temporal.connection
    .withDeadline(Date.now() + 3_000, () => signalLookAgain(deps.temporal, workflowId))
    // A lost signal costs a second: the sweep sends it again.
    .catch((error: unknown) => deps.log.warn({ err: error, workflowId }, "the waiting workflow could not be told yet"));
  return view;
}

function audit(
  { caller }: ActionContext,
  tx: Tx,
  approval: ApprovalRow,
  operation: string,
  outcome: "voted" | "cancelled",
  detail: Record<string, unknown>,
): void {
  appendAudit(tx, {
    id: approval.id,
    sub: caller.principalId,
    act: null,
    delegated_from_session: null,
    operation,
    ou: approval.ou_path,
    target: `request:${approval.id}`,
    digest: approval.digest,
    rule: approval.requirements.map((requirement) => `policy:${requirement.policyName}`).join(","),
    approval_id: approval.id,
    outcome,
    detail: { ...aboutRun(approval.run), ...detail },
  });
}
