import { digestOf, sha256Hex } from "../../core/canonical.ts";
import { type RunRef, workflowIds } from "../../core/ids.ts";
import type { BudgetAnswer, BudgetAsk, PermissionState } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import {
  type ApprovalRow,
  decideApproval,
  decisionOn,
  findApproval,
  insertApproval,
} from "../../db/queries/approvals.ts";
import {
  appendRunEvents,
  type RunBudget,
  type RunRow,
  requireRun,
  stopWaitingFor,
  waitFor,
} from "../../db/queries/runs.ts";
import type { RunDeps } from "./deps.ts";
import { holdMore } from "./ou-budgets.ts";
import { auditRun, tellWatchers } from "./record.ts";

/** How long people have to decide, milliseconds. */
const expiryMs = 24 * 3_600_000;

/**
 * Asks the Approvers at the run's OU for a larger budget: as much again as the run began with, or what the next call needs
 * if that is more. Asked again in the same round it is the same request.
 */
export async function askForBudget(deps: RunDeps, ask: BudgetAsk): Promise<PermissionState> {
  const { run, state } = await deps.db.inOrganisation(ask.organisationId, async (tx) => {
    const run = await requireRun(tx, ask.runId, "lock");
    const id = `budget_${sha256Hex(`${run.id}/${ask.round}`).slice(0, 32)}`;
    const before = await findApproval(tx, id);
    if (before !== undefined) return { run, state: pending(before.id, before.expires_at) };
    const now = deps.now();
    const expiresAt = new Date(now.getTime() + expiryMs);
    const larger = enlarged(run, ask);
    const change = { run_id: run.id, agent: run.agent_id, why: ask.reason };
    const diff = {
      before: { ...change, budget: run.budget },
      after: { ...change, budget: larger },
      summary: `A larger budget for the run of ${run.agent_id} for ${run.requester_email} in ${run.ou_path}: ${told(run.budget, larger)}`,
    };
    const digest = digestOf(diff.after);
    await insertApproval(tx, {
      id,
      kind: "budget",
      sessionId: null,
      operation: "run.raise_budget",
      ouId: run.ou_id,
      requesterId: run.requester_id,
      act: `run:${run.id}`,
      requirements: [
        {
          policyId: null,
          policyVersion: null,
          policyName: "budget-enforcement-soft",
          approverRole: "Approver",
          approvalsNeeded: 1,
        },
      ],
      digest,
      diff,
      workflowId: workflowIds.agentRun(run.id),
      runId: run.id,
      expiresAt,
    });
    await waitFor(tx, run.id, id);
    appendRunEvents(tx, run, [
      {
        origin: id,
        type: "budget_requested",
        payload: { request_id: id, unit: ask.unit, reason: ask.reason, budget: run.budget, larger },
      },
    ]);
    auditRun(tx, run, {
      id,
      operation: "run.budget",
      outcome: "pending_approval",
      digest,
      rule: "budget-enforcement-soft",
      approvalId: id,
      detail: { summary: diff.summary, reason: ask.reason },
    });
    return { run, state: pending(id, expiresAt) };
  });
  tellWatchers(deps, run);
  return state;
}

/**
 * What has become of a request for a larger budget. Approved in time, it is consumed once: what is added is held at every
 * OU above in the same transaction, and when one of them has too little left, nothing is added.
 */
export async function settleBudget(deps: RunDeps, ref: RunRef & { requestId: string }): Promise<BudgetAnswer> {
  const { run, answer } = await deps.db.inOrganisation(ref.organisationId, async (tx) => {
    const run = await requireRun(tx, ref.runId, "lock");
    const approval = await findApproval(tx, ref.requestId, "lock");
    if (approval === undefined || approval.workflow_id !== workflowIds.agentRun(run.id))
      throw new Error(`no request ${ref.requestId} of run ${run.id}`);
    return { run, answer: await settle(deps, tx, run, approval) };
  });
  tellWatchers(deps, run);
  return answer;
}

async function settle(deps: RunDeps, tx: Tx, run: RunRow, approval: ApprovalRow): Promise<BudgetAnswer> {
  const now = deps.now();
  const by = addedBy(approval);
  const said = (status: PermissionState["status"], reason: string): BudgetAnswer => ({
    requestId: approval.id,
    status,
    expiresAt: approval.expires_at.getTime(),
    by,
    reason,
    ...deadlineAfter(approval, now),
  });
  const decision = decisionOn(approval, now);
  switch (decision.status) {
    case "pending":
      return said("pending", "");
    case "applied":
      return said("approved", decision.reason);
    case "refused":
      return said("denied", decision.reason);
    case "denied":
    case "cancelled":
    case "expired":
      // Told already, by an attempt whose answer was lost, or when the run ended.
      if (await isConsumed(tx, approval.id)) return said(decision.status, decision.reason);
      return finish(said(decision.status, decision.reason), decision.status);
    case "approved": {
      const short = await holdMore(tx, run, by);
      if (short !== undefined) return finish(said("denied", short), "refused");
      await tx.run("update agent_runs set budget = $2 where id = $1", [run.id, JSON.stringify(budgetIn(approval))]);
      return finish(said("approved", decision.reason), "applied");
    }
  }

  async function finish(
    answer: BudgetAnswer,
    status: "applied" | "refused" | "denied" | "cancelled" | "expired",
  ): Promise<BudgetAnswer> {
    await decideApproval(tx, approval.id, { status, reason: answer.reason, consumed: true }, now);
    await stopWaitingFor(tx, run.id, approval.id);
    appendRunEvents(tx, run, [
      {
        origin: `${approval.id}:decided`,
        type: answer.status === "approved" ? "budget_raised" : "budget_refused",
        payload: {
          request_id: approval.id,
          status: answer.status,
          reason: answer.reason,
          ...(answer.status === "approved" ? { budget: budgetIn(approval) } : {}),
        },
      },
    ]);
    auditRun(tx, run, {
      id: approval.id,
      operation: "run.budget",
      outcome: status === "applied" ? "applied" : status,
      digest: approval.digest,
      rule: `approval:${approval.id}`,
      approvalId: approval.id,
      detail: { reason: answer.reason },
    });
    return answer;
  }
}

async function isConsumed(tx: Tx, id: string): Promise<boolean> {
  return (
    (await tx.maybe("select from approval_requests where id = $1 and consumed_at is not null", [id])) !== undefined
  );
}

/** The run's budget with as much again of the unit that ran out. */
function enlarged(run: RunRow, { unit, needed, available, atStart }: BudgetAsk): RunBudget {
  const more = (started: number | undefined) => Math.max(started ?? 0, needed - available);
  switch (unit) {
    case "tokens":
      return { ...run.budget, tokens: (run.budget.tokens ?? 0) + more(atStart.tokens) };
    case "costMicros":
      return { ...run.budget, cost_micros: (run.budget.cost_micros ?? 0) + more(atStart.costMicros) };
    case "calls":
      return { ...run.budget, calls: (run.budget.calls ?? 0) + more(atStart.calls) };
    case "deadline": {
      const began = (run.started_at ?? run.created_at).getTime();
      const seconds = Math.max(1, Math.round(((atStart.deadline ?? needed) - began) / 1000));
      return { ...run.budget, wall_seconds: (run.budget.wall_seconds ?? 0) + seconds };
    }
  }
}

function budgetIn(approval: ApprovalRow, side: "before" | "after" = "after"): RunBudget {
  return (approval.diff[side]?.["budget"] ?? {}) as RunBudget;
}

function addedBy(approval: ApprovalRow): BudgetAnswer["by"] {
  const [before, after] = [budgetIn(approval, "before"), budgetIn(approval)];
  const added = (now: number | undefined, then: number | undefined) => (now ?? 0) - (then ?? 0);
  const by = {
    tokens: added(after.tokens, before.tokens),
    costMicros: added(after.cost_micros, before.cost_micros),
    calls: added(after.calls, before.calls),
  };
  return Object.fromEntries(Object.entries(by).filter(([, amount]) => amount > 0));
}

/** Time that was allowed begins when it was allowed: people may have taken days. */
function deadlineAfter(approval: ApprovalRow, now: Date): { deadline?: number } {
  const seconds = (budgetIn(approval).wall_seconds ?? 0) - (budgetIn(approval, "before").wall_seconds ?? 0);
  return seconds > 0 ? { deadline: now.getTime() + seconds * 1000 } : {};
}

function pending(requestId: string, expiresAt: Date): PermissionState {
  return { requestId, status: "pending", expiresAt: expiresAt.getTime() };
}

function told(before: RunBudget, after: RunBudget): string {
  const units = { tokens: "tokens", cost_micros: "USD millionths", calls: "calls", wall_seconds: "seconds" } as const;
  return Object.entries(units)
    .flatMap(([key, unit]) => {
      const [then, now] = [before[key as keyof RunBudget], after[key as keyof RunBudget]];
      return then === now ? [] : [`${now} ${unit} instead of ${then}`];
    })
    .join(", ");
}
