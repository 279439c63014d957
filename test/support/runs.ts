import type { Person } from "../../demo/api.ts";
import { eventually, sharedStack } from "./organisation.ts";

/** What a scripted mind says in one turn: see docs/stand-in.md. */
export interface Said {
  text?: string;
  tool_uses?: { name: string; input: Record<string, unknown> }[];
  output?: unknown;
  usage?: Record<string, number>;
  delay_ms?: number;
}

export type Script =
  | { turns: Said[]; afterwards?: "last" | "error" }
  | { rules: { when: Record<string, unknown>; reply: Said; times?: number }[] };

/** Arms a mind of its own on the stand-in and gives the `models` that put it behind every role. */
export async function armMind(
  name: string,
  roles: Record<string, Script>,
  simulatorUrl = sharedStack().simulatorUrl,
): Promise<Record<string, string>> {
  const model = `mind-${name}`;
  const response = await fetch(`${simulatorUrl}/_control/minds`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: model, roles }),
  });
  if (!response.ok) throw new Error(`the stand-in did not take the mind: ${await response.text()}`);
  return Object.fromEntries(["orchestrator", "planner", "executor", "reviewer"].map((role) => [role, model]));
}

export interface RunView {
  id: string;
  status: string;
  waiting_for: string | null;
  output: Record<string, unknown> | null;
  reason: { rule: string; reason: string } | null;
  used: { tokens: number; cost_micros: number; calls: number };
  budget: Record<string, number>;
  completed_at: string | null;
  agent: string;
  steps: {
    step_id: string;
    tool: string | null;
    status: string;
    decision: Record<string, unknown> | null;
    output: string | null;
  }[];
  children: RunView[];
}

export interface RunEvent {
  position: number;
  run_id: string;
  type: string;
  payload: Record<string, unknown>;
}

/** A run, as it is when `when` holds. */
export async function runWhen(
  person: Person,
  id: string,
  when: (run: RunView) => boolean,
  what: string,
  timeoutMs = 30_000,
): Promise<RunView> {
  return eventually(
    async () => {
      const run = await person.get<RunView>(`/runs/${id}`);
      return when(run) ? run : undefined;
    },
    what,
    timeoutMs,
  );
}

export function ended(person: Person, id: string, timeoutMs?: number): Promise<RunView> {
  return runWhen(person, id, (run) => run.completed_at !== null, "the run ends", timeoutMs);
}

export async function eventsOf(person: Person, id: string): Promise<RunEvent[]> {
  return (await person.get<{ data: RunEvent[] }>(`/runs/${id}/events?limit=1000`)).data;
}

/** Decides what waits in a tree of runs, once something does. */
export async function decideNext(
  approver: Person,
  decision: "approve" | "deny",
  ou: string,
  wanted: "permission" | "budget" = "permission",
): Promise<{ id: string; digest: string }> {
  const request = await eventually(async () => {
    const { data } = await approver.get<{ data: { id: string; digest: string; kind: string }[] }>(
      `/approvals?status=pending&ou=${encodeURIComponent(ou)}`,
    );
    return data.find(({ kind }) => kind === wanted);
  }, `a ${wanted} is asked for`);
  await approver.make(`/approvals/${request.id}/votes`, {
    decision,
    digest: request.digest,
    reason: "as the test says",
  });
  return request;
}

export const sample = {
  broken:
    "export function total(prices) {\n  let sum = 0;\n  for (let i = 0; i <= prices.length; i++) sum += prices[i];\n  return sum;\n}\n",
  fixed:
    "export function total(prices) {\n  let sum = 0;\n  for (let i = 0; i < prices.length; i++) sum += prices[i];\n  return sum;\n}\n",
  test: "import assert from 'node:assert/strict';\nimport { test } from 'node:test';\nimport { total } from '../src/total.js';\ntest('adds all', () => assert.equal(total([1, 2, 3]), 6));\n",
};

export const sampleFiles = [
  {
    path: "package.json",
    content: JSON.stringify({ name: "sample", type: "module", scripts: { test: "node --test" } }),
  },
  { path: "src/total.js", content: sample.broken },
  { path: "test/total.test.js", content: sample.test },
];

interface PlanStep {
  step: number;
  tool: string;
  args: Record<string, unknown>;
  expect?: Record<string, unknown>;
  depends_on?: number[];
}

/** A plan, and the executor's script that carries it out as it stands. */
export function planOf(steps: PlanStep[]): { plan: Record<string, unknown>; executor: Script } {
  const whole = steps.map((step) => ({
    description: step.tool,
    expected_output: "as planned",
    depends_on: [],
    ...step,
  }));
  return {
    plan: { steps: whole, reasoning: "it is what there is to do", risks: [] },
    executor: {
      rules: [
        ...whole.map((step) => ({
          when: { input: `"step":${step.step},`, turn: 0 },
          reply: { tool_uses: [{ name: step.tool, input: step.args }] },
        })),
        { when: {}, reply: { output: { status: "failed", steps: [], summary: "it did not work out" } } },
      ],
    },
  };
}

/** The whole main job of a run: plan, carry out, review. */
export function fixingMind(): Record<string, Script> {
  const { plan, executor } = planOf([
    { step: 1, tool: "execute_command", args: { command: "node --test" }, expect: { exit_code: 1 } },
    { step: 2, tool: "read_file", args: { path: "src/total.js" } },
    { step: 3, tool: "read_file", args: { path: "test/total.test.js" } },
    { step: 4, tool: "write_file", args: { path: "src/total.js", content: sample.fixed }, depends_on: [1, 2, 3] },
    { step: 5, tool: "execute_command", args: { command: "node --test" }, expect: { exit_code: 0 }, depends_on: [4] },
    { step: 6, tool: "read_file", args: { path: "src/total.js" }, depends_on: [4] },
  ]);
  const delegate = (agent: string, input: Record<string, unknown>): Said => ({
    tool_uses: [{ name: "delegate", input: { agent, input } }],
  });
  return {
    orchestrator: {
      turns: [
        delegate("planner", { task: "{{input.task}}" }),
        delegate("executor", { plan: "{{last.run_id}}" }),
        delegate("reviewer", { file_paths: ["src/total.js"], criteria: ["correctness"] }),
        { output: { result: "fixed and reviewed", status: "done" } },
      ],
    },
    planner: { turns: [{ tool_uses: [{ name: "list_directory", input: { path: ".", depth: 3 } }] }, { output: plan }] },
    executor,
    reviewer: {
      turns: [
        { tool_uses: [{ name: "read_file", input: { path: "src/total.js" } }] },
        { output: { findings: [], summary: "nothing to say", verdict: "pass" } },
      ],
    },
  };
}

/** An agent that does one thing after the other in one conversation: the planner's place, with its read-only tools. */
export function talker(turns: Said[], afterwards: "last" | "error" = "last"): Record<string, Script> {
  return { planner: { turns, afterwards } };
}
