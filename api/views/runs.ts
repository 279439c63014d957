import type { z } from "zod";
import type { runStepView, runView } from "../../contracts/runs.ts";
import type { RunRow, StepRow, Used } from "../../db/queries/runs.ts";

/** @param below what its subagents have used */
export function runToView(row: RunRow, below: Used): z.infer<typeof runView> {
  const { tokens, cost_micros, calls, wall_seconds } = row.budget;
  return {
    id: row.id,
    parent_run_id: row.parent_run_id,
    root_run_id: row.root_run_id,
    trace_id: row.trace_id,
    agent: row.agent_id,
    agent_version: row.definition_version,
    role: row.role_id,
    model: row.model_id,
    ou_id: row.ou_id,
    ou_path: row.ou_path,
    requester_id: row.requester_id,
    requester_email: row.requester_email,
    status: row.status,
    waiting_for: row.waiting_for,
    task: row.input_summary,
    output: row.output,
    error: row.error_msg,
    reason: row.reason,
    budget: {
      ...(tokens === undefined ? {} : { tokens }),
      ...(cost_micros === undefined ? {} : { cost_usd: cost_micros / 1_000_000 }),
      ...(calls === undefined ? {} : { calls }),
      ...(wall_seconds === undefined ? {} : { wall_seconds }),
    },
    used: {
      tokens: Number(row.tokens_total) + below.tokens,
      cost_micros: Number(row.cost_micros_total) + below.costMicros,
      calls: row.calls_total + below.calls,
    },
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    completed_at: row.completed_at?.toISOString() ?? null,
  };
}

export function stepToView(row: StepRow): z.infer<typeof runStepView> {
  const { proposed: _, ...decision } = row.decision ?? {};
  return {
    step_id: row.step_id,
    run_id: row.run_id,
    step_num: row.step_num,
    type: row.step_type,
    thread: row.thread,
    plan_step: row.plan_step,
    tool: row.tool_name,
    input: row.input_summary,
    output: row.output_summary,
    decision: Object.keys(decision).length === 0 ? null : decision,
    child_run_id: row.child_run_id,
    tokens: row.tokens,
    cost_micros: Number(row.cost_micros),
    endpoint: row.endpoint,
    duration_ms: row.duration_ms,
    status: row.status,
    error: row.error_msg,
    created_at: row.created_at.toISOString(),
    completed_at: row.completed_at?.toISOString() ?? null,
  };
}
