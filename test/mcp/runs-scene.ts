import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type Stage, setStage } from "./stage.ts";
import { uuid } from "./views.ts";

export const fiveTools = ["start_run", "get_run", "wait_run", "list_runs", "cancel_run"];

/** The stage, with a session whose bearer holds for `powerloom_runs`. */
export interface RunsScene extends Stage {
  runsBearer: string;
  connectRuns(mode?: "auto" | "legacy", bearer?: string): Promise<Client>;
}

export async function setRunsScene(): Promise<RunsScene> {
  const stage = await setStage();
  const runsBearer = stage.newBearer("runs", { aud: stage.mcp.runsUrl });
  return {
    ...stage,
    runsBearer,
    connectRuns: async (mode = "auto", bearer = runsBearer) => {
      const client = new Client({ name: "test", version: "1.0.0" }, { versionNegotiation: { mode } });
      const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(stage.mcp.runsUrl), { requestInit }));
      return client;
    },
  };
}

const at = "2025-01-01T00:00:00.000Z";

export function run(number: number, more: Record<string, unknown> = {}) {
  return {
    id: uuid(number),
    parent_run_id: null,
    root_run_id: uuid(number),
    trace_id: "0".repeat(32),
    agent: "orchestrator",
    agent_version: 1,
    role: "orchestrator",
    model: "claude-sonnet-5-5",
    ou_id: uuid(1),
    ou_path: "/acme",
    requester_id: uuid(7),
    requester_email: "emma@acme.com",
    status: "running",
    waiting_for: null,
    task: "Write a greeting",
    output: null,
    error: null,
    reason: null,
    budget: { tokens: 200_000 },
    used: { tokens: 10, cost_micros: 5, calls: 1 },
    created_at: at,
    started_at: at,
    completed_at: null,
    ...more,
  };
}

export const completed = {
  status: "completed",
  output: { result: "Hello", status: "done" },
  reason: { rule: "final-answer", reason: "the answer fits the output schema" },
  completed_at: at,
};

export function step(number: number) {
  return {
    step_id: `m${number}`,
    run_id: uuid(60),
    step_num: number,
    type: "model_call",
    thread: "main",
    plan_step: null,
    tool: null,
    input: null,
    output: "Hello",
    decision: null,
    child_run_id: null,
    tokens: 10,
    cost_micros: 5,
    endpoint: null,
    duration_ms: 1,
    status: "success",
    error: null,
    created_at: at,
    completed_at: at,
  };
}

export function runDetail(number: number, more: Record<string, unknown> = {}) {
  return { ...run(number), input: { task: "Write a greeting" }, plan: null, steps: [step(1)], children: [], ...more };
}
