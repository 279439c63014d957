import type { AuditEntry, Evidence, ExportedRun, RunEvent, Step } from "../../evals/evidence.ts";

/** A run as an export tells it, with only what a test is about said. */
export function runOf(over: Partial<ExportedRun> = {}): ExportedRun {
  const id = over.id ?? "run-1";
  return {
    id,
    parent_run_id: null,
    root_run_id: "run-1",
    trace_id: "0123456789abcdef0123456789abcdef",
    agent: "orchestrator",
    role: "orchestrator",
    model: "mind-x",
    requester_id: "rita",
    status: "completed",
    reason: { rule: "final-answer", reason: "the answer fits" },
    input: {},
    output: { result: "done", status: "done" },
    plan: null,
    budget: {},
    used: { tokens: 0, cost_micros: 0, calls: 0 },
    started_at: "2026-01-01T00:00:00.000Z",
    completed_at: "2026-01-01T00:00:10.000Z",
    definition: { name: "orchestrator", version: 1, document: { output_schema: { type: "object" } } },
    transcript: [],
    steps: [],
    permission_requests: [],
    events: [],
    ...over,
  };
}

export function toolStep(tool: string, args: Record<string, unknown>, over: Partial<Step> = {}): Step {
  return {
    step_id: "main/1.1",
    step_num: 1,
    step_type: "tool_call",
    thread: "main",
    plan_step: null,
    tool_name: tool,
    args,
    result: "{}",
    is_error: false,
    decision: { verdict: "run", via: "read", rule: "read", reason: "it only reads" },
    child_run_id: null,
    tokens: 0,
    cost_micros: "0",
    status: "success",
    error_msg: null,
    created_at: "2026-01-01T00:00:01.000Z",
    completed_at: "2026-01-01T00:00:02.000Z",
    ...over,
  };
}

export const eventOf = (position: number, type: string, payload: Record<string, unknown> = {}): RunEvent => ({
  position,
  type,
  payload,
});

export const evidenceOf = (runs: ExportedRun[], over: Partial<Evidence> = {}): Evidence => ({
  runs,
  files: [],
  audit: null,
  ...over,
});

export function auditOf(over: Partial<AuditEntry> & { id: string }): AuditEntry {
  const { id, ...rest } = over;
  return {
    position: 1,
    sub: "rita",
    act: "run:run-1",
    operation: "run.step",
    target: null,
    outcome: "applied",
    rule: "a-rule",
    approval_id: null,
    body: { id },
    ...rest,
  };
}
