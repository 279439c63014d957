import type { RunEvent } from "../../cli/run/follow.ts";
import type { RunDetail } from "../../cli/run/watch.ts";

export const rootId = "0198c2f4-6f7e-7c3a-9d55-000000000001";
export const executorId = "0198c2f4-6f7e-7c3a-9d55-000000000002";
export const beginning = Date.parse("2026-11-01T08:00:00.000Z");

/** A run as the API shows it, nothing having happened yet. */
export function runOf(fields: Partial<RunDetail> = {}): RunDetail {
  return {
    id: rootId,
    parent_run_id: null,
    root_run_id: rootId,
    trace_id: "0".repeat(32),
    agent: "orchestrator",
    agent_version: 1,
    role: "orchestrator",
    model: "claude-sonnet-5-5",
    ou_id: "0198c2f4-6f7e-7c3a-9d55-0000000000aa",
    ou_path: "/acme",
    requester_id: "0198c2f4-6f7e-7c3a-9d55-0000000000bb",
    requester_email: "emma@acme.com",
    status: "received",
    waiting_for: null,
    task: "Fix the tests",
    output: null,
    error: null,
    reason: null,
    budget: { tokens: 10_000 },
    used: { tokens: 0, cost_micros: 0, calls: 0 },
    created_at: new Date(beginning).toISOString(),
    started_at: null,
    completed_at: null,
    input: {},
    plan: null,
    steps: [],
    children: [],
    ...fields,
  };
}

/** Events one second apart, in the order they are given: [type, payload, run]. */
export function eventsOf(given: readonly (readonly [type: string, payload: object, run?: string])[]): RunEvent[] {
  return given.map(([type, payload, run = rootId], index) => ({
    position: index + 1,
    run_id: run,
    type,
    payload,
    at: new Date(beginning + index * 1_000).toISOString(),
  }));
}

/** A run that has its plan carried out by a subagent, one step of which fails at first. */
export const story = eventsOf([
  [
    "run_started",
    {
      agent: "orchestrator",
      model: "claude-sonnet-5-5",
      mode: "PERMISSION",
      parent_run_id: null,
      task: "Fix the tests",
    },
  ],
  [
    "model_answered",
    {
      step_id: "1",
      thread: "main",
      plan_step: null,
      tokens: 1_200,
      cost_micros: 5_000,
      tools: ["delegate"],
      final: false,
    },
  ],
  ["subagent_started", { step_id: "1.1", agent: "executor", child_run_id: executorId }],
  [
    "run_started",
    { agent: "executor", model: "claude-haiku-5", mode: "PERMISSION", parent_run_id: rootId, task: "plan" },
    executorId,
  ],
  [
    "model_answered",
    {
      step_id: "1",
      thread: "step-2",
      plan_step: 2,
      tokens: 300,
      cost_micros: 100,
      tools: ["execute_command"],
      final: false,
    },
    executorId,
  ],
  [
    "model_answered",
    { step_id: "2", thread: "step-1", plan_step: 1, tokens: 200, cost_micros: 100, tools: ["read_file"], final: false },
    executorId,
  ],
  [
    "run_step",
    {
      step_id: "2.1",
      step_num: 2,
      plan_step: 1,
      tool: "read_file",
      status: "success",
      input: '{"path":"a.ts"}',
      output: "{}",
      duration_ms: 12,
    },
    executorId,
  ],
  [
    "run_step",
    {
      step_id: "1.1",
      step_num: 1,
      plan_step: 2,
      tool: "execute_command",
      status: "failed",
      input: '{"command":"npm test"}',
      output: "exit 1",
      duration_ms: 2_300,
    },
    executorId,
  ],
  [
    "model_answered",
    {
      step_id: "3",
      thread: "step-2",
      plan_step: 2,
      tokens: 400,
      cost_micros: 100,
      tools: ["write_file"],
      final: false,
    },
    executorId,
  ],
  [
    "permission_requested",
    { request_id: "req_7", step_id: "3.1", tool: "write_file", reason: "it writes", input: '{"path":"a.ts"}' },
    executorId,
  ],
]);

export const end = (status: string, run = rootId) =>
  [
    status === "completed" ? "run_completed" : "run_failed",
    {
      status,
      rule: "final-answer",
      reason: "the answer fits",
      tokens: 1,
      cost_micros: 1,
      calls: 1,
      duration_ms: 9_000,
      output: "{}",
    },
    run,
  ] as const;
