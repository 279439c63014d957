import type { RunEnd, RunResult } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import { decideApproval, findApproval, withdrawOperationsOf } from "../../db/queries/approvals.ts";
import { announceRun } from "../../db/queries/changes.ts";
import { appendRunEvents, type RunRow, requireRun } from "../../db/queries/runs.ts";
import { storableJson } from "../../db/storable.ts";
import { signalLookAgain } from "../../temporal/nudge.ts";
import type { RunDeps } from "./deps.ts";
import { revokeLeases } from "./leases.ts";
import { releaseBudget } from "./ou-budgets.ts";
import { auditRun, summaryOf, tellWatchers } from "./record.ts";
import { tellRun } from "./tell-spans.ts";
import { keepWorkspace, removeWorkspace } from "./workspaces.ts";

/**
 * `on_terminate`: the last thing a run does, however it ends. Leases are revoked, what waits for people is withdrawn, the
 * budget held above goes back, the workspace is kept, and the end is said. Repeated, it changes nothing.
 */
export async function finishRun(deps: RunDeps, end: RunEnd): Promise<RunResult> {
  await withdrawRequests(deps, end);
  if (end.status === "cancelled") await withdrawOperations(deps, end);
  const { run, result, before } = await deps.db.inOrganisation(end.organisationId, async (tx) => {
    const run = await requireRun(tx, end.runId, "lock");
    const spent = {
      tokens: Number(run.tokens_total),
      costMicros: Number(run.cost_micros_total),
      calls: run.calls_total,
    };
    if (run.completed_at !== null)
      return { run, result: { status: run.status as RunResult["status"], ...spent }, before: true };
    const now = deps.now();
    const kept = run.parent_run_id === null ? await keepWorkspace(deps, tx, run) : undefined;
    // What was charged without an answer (a call of unknown outcome) is known to the workflow alone.
    const charged = {
      tokens: Math.max(spent.tokens, end.tokens),
      costMicros: Math.max(spent.costMicros, end.costMicros),
      calls: Math.max(spent.calls, end.calls),
    };
    const output = end.steps === undefined ? run.output : await outputOfPlan(tx, run, end.steps, end.status);
    tx.send(
      `update agent_runs set status = $2, completed_at = $3, waiting_for = null, reason = $4, error_msg = $5,
         tokens_total = $6, cost_micros_total = $7, calls_total = $8, output = $9, output_summary = $10 where id = $1`,
      [
        run.id,
        end.status,
        now,
        storableJson({ rule: end.rule, reason: end.reason }),
        end.status === "completed" ? null : end.reason,
        charged.tokens,
        charged.costMicros,
        charged.calls,
        output === null ? null : JSON.stringify(output),
        output === null ? null : summaryOf(output),
      ],
    );
    announceRun(tx, run.id);
    tx.send(
      `update agent_steps set status = case when status = 'running' then 'unknown' else 'refused' end,
         error_msg = 'the run has ended', completed_at = $2
        where run_id = $1 and status in ('proposed', 'waiting', 'running')`,
      [run.id, now],
    );
    await endUnbegun(tx, run, now);
    revokeLeases(tx, run.id, now);
    if (run.parent_run_id === null) {
      tx.send("update elevations set revoked_at = $2 where root_run_id = $1 and revoked_at is null", [run.id, now]);
      await releaseBudget(tx, run, now);
    }
    const type = end.status === "completed" ? "run_completed" : "run_failed";
    const duration = now.getTime() - (run.started_at ?? run.created_at).getTime();
    appendRunEvents(tx, run, [
      {
        origin: "ended",
        type,
        payload: {
          status: end.status,
          rule: end.rule,
          reason: end.reason,
          tokens: charged.tokens,
          cost_micros: charged.costMicros,
          calls: charged.calls,
          duration_ms: duration,
          output: output === null ? null : summaryOf(output),
          ...(kept === undefined ? {} : { files_kept: kept.files, files_left_out: kept.leftOut }),
        },
      },
    ]);
    auditRun(tx, run, {
      id: run.id,
      operation: type === "run_completed" ? "run.completed" : "run.failed",
      outcome: end.status === "completed" ? "applied" : end.status === "cancelled" ? "cancelled" : "failed",
      rule: end.rule,
      detail: { status: end.status, reason: end.reason, ...charged, duration_ms: duration },
    });
    return { run, result: { status: end.status, ...charged }, before: false };
  });
  if (run.parent_run_id === null) await removeWorkspace(deps, run);
  tellWatchers(deps, run);
  if (!before) tellRun(deps, end);
  return result;
}

/**
 * Subagents that were to be started, and were not when the run ended: nobody will start them any more. One that is being
 * opened at this moment has been started: its transaction is not waited for, because it waits for ours.
 */
async function endUnbegun(tx: Tx, run: RunRow, now: Date): Promise<void> {
  const reason = { rule: "never-begun", reason: "the run that was to start it has ended" };
  const ended = await tx.rows<{ id: string; root_run_id: string }>(
    `update agent_runs set status = 'cancelled', completed_at = $2, reason = $3, error_msg = $4
      where id in (select id from agent_runs where parent_run_id = $1 and status = 'received' for no key update skip locked)
      returning id, root_run_id`,
    [run.id, now, JSON.stringify(reason), reason.reason],
  );
  for (const child of ended) {
    announceRun(tx, child.id);
    appendRunEvents(tx, child, [
      { origin: "ended", type: "run_failed", payload: { status: "cancelled", ...reason, tokens: 0, calls: 0 } },
    ]);
  }
}

/** An executor's output, from what its steps brought. */
async function outputOfPlan(
  tx: Tx,
  run: RunRow,
  ends: Record<number, string>,
  status: RunEnd["status"],
): Promise<Record<string, unknown>> {
  const rows = await tx.rows<{ plan_step: number; output_summary: string | null }>(
    `select distinct on (plan_step) plan_step, output_summary from agent_steps
      where run_id = $1 and plan_step is not null and step_type = 'tool_call' order by plan_step, completed_at desc nulls last`,
    [run.id],
  );
  const steps = Object.entries(ends).map(([step, end]) => {
    const last = rows.find((row) => row.plan_step === Number(step));
    const status = end === "done" || end === "failed" ? end : "skipped";
    return { step: Number(step), status, result: last?.output_summary ?? "" };
  });
  const done = steps.filter((step) => step.status === "done").length;
  return {
    status: status === "completed" ? "success" : "failed",
    steps,
    summary: `${done} of ${steps.length} steps done`,
  };
}

/** What the run has asked people for, and nobody needs any more. */
async function withdrawRequests(deps: RunDeps, end: RunEnd): Promise<void> {
  const waiting = await deps.db.readOrganisation(end.organisationId, (sql) =>
    sql.rows<{ id: string }>("select id from approval_requests where run_id = $1 and consumed_at is null", [end.runId]),
  );
  // One transaction each: an audit entry is the last statement of its own.
  for (const { id } of waiting)
    await deps.db.inOrganisation(end.organisationId, async (tx) => {
      const run = await requireRun(tx, end.runId);
      const approval = await findApproval(tx, id, "lock");
      const open = await tx.maybe("select from approval_requests where id = $1 and consumed_at is null", [id]);
      if (approval === undefined || open === undefined) return;
      const reason = "the run has ended";
      await tx.run(
        `update permission_requests set decision = 'cancelled', decision_reason = $2, decided_at = $3
          where request_id = $1 and decision = 'pending'`,
        [id, reason, deps.now()],
      );
      await decideApproval(tx, id, { status: "cancelled", reason, consumed: true }, deps.now());
      auditRun(tx, run, {
        id,
        operation: approval.kind === "budget" ? "run.budget" : "run.permission",
        outcome: "cancelled",
        approvalId: id,
        detail: { reason },
      });
    });
}

/** Whoever cancels a run wants nothing more of it: what it asked the control plane for and waits for approval is withdrawn. */
async function withdrawOperations(deps: RunDeps, end: RunEnd): Promise<void> {
  const withdrawn = await deps.db.inOrganisation(end.organisationId, (tx) =>
    withdrawOperationsOf(tx, `run:${end.runId}`, "the run that asked was cancelled", deps.now()),
  );
  for (const { id, workflow_id: workflowId } of withdrawn)
    await deps.temporal.connection
      .withDeadline(Date.now() + 3_000, () => signalLookAgain(deps.temporal, workflowId))
      // The sweep signals again what is decided and not settled.
      .catch((error: unknown) => deps.log.warn({ err: error, id }, "a withdrawn request could not be told of yet"));
}
