import type { z } from "zod";
import type { approvalView, requestView } from "../../contracts/views.ts";
import { approvalsFor, mayVote } from "../../core/approval/votes.ts";
import { workflowIds } from "../../core/ids.ts";
import type { ApprovalRow } from "../../db/queries/approvals.ts";
import type { OperationRow } from "../../db/queries/operations.ts";
import type { Listed } from "../../db/queries/sights.ts";

export interface RequestRow extends OperationRow {
  requester_email: string;
  ou_path: string | null;
}

/** Operations as requests, with the names people know. */
const requestFrom = `from operations p join users u on u.organisation_id = p.organisation_id and u.id = p.sub
  left join ous o on o.organisation_id = p.organisation_id and o.id = p.ou_id`;

export const requestSelect = `select p.*, u.email as requester_email, o.path as ou_path
  ${requestFrom}`;

export const requestList: Listed = { select: requestSelect, from: requestFrom, id: "p.id", ou: "p.ou_id" };

export function requestRowToView(row: RequestRow): z.infer<typeof requestView> {
  return {
    id: row.id,
    operation: row.name,
    status: row.status,
    requester_id: row.sub,
    requester_email: row.requester_email,
    actor: row.act === "" ? null : row.act,
    session_id: row.sid === "" ? null : row.sid,
    ou_path: row.ou_path,
    target: row.target_id === null ? null : { type: row.target_type ?? "", id: row.target_id },
    diff: row.diff,
    result: row.result,
    problem: row.problem,
    reason: row.reason,
    workflow_id: workflowIds.provision(row.name, row.id),
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}

/** An approval for a viewer: whether they may vote is what the vote itself would say. */
export function approvalToView(
  row: ApprovalRow,
  viewer: { principalId: string; act: string; roles: readonly string[] },
  now: Date,
): z.infer<typeof approvalView> {
  const { principalId, roles, act } = viewer;
  const canVote = mayVote(
    { ...row, requesterId: row.requester_id, expiresAt: row.expires_at },
    { principalId, roles, delegated: act !== "", now },
  );
  const open = row.requirements.find(
    (requirement) => approvalsFor(requirement, row.votes) < requirement.approvalsNeeded,
  );
  const shown = open ?? row.requirements[0];
  return {
    id: row.id,
    kind: row.kind,
    operation: row.operation,
    status: row.status,
    requester_id: row.requester_id,
    requester_email: row.requester_email,
    actor: row.act === "" ? null : row.act,
    session_id: row.session_id,
    ou_path: row.ou_path,
    policy: row.requirements.map((requirement) => requirement.policyName).join(", "),
    approver_role: shown?.approverRole ?? "",
    approvals_needed: shown?.approvalsNeeded ?? 0,
    digest: row.digest,
    diff: row.diff,
    votes: row.votes.map((vote) => ({
      principal_id: vote.principalId,
      email: vote.email,
      decision: vote.decision,
      reason: vote.reason,
      at: new Date(vote.at).toISOString(),
    })),
    reason: row.reason,
    can_vote: canVote,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  };
}
