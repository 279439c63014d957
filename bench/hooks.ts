import { askOwnHooks, passed } from "../activities/runs/own-hooks.ts";
import { agentDefinition } from "../contracts/agent-definition.ts";
import { rulesAt } from "../core/hooks/built-in.ts";
import { type HookPoint, hookPoints } from "../core/hooks/points.ts";
import { runHooks } from "../core/hooks/run-hooks.ts";
import type { CheckedValue, SubjectOf } from "../core/hooks/subjects.ts";
import { type Finding, figure } from "./report.ts";
import { sequence, summarise } from "./samples.ts";
import type { Stage } from "./stage.ts";

type Subjects = { [P in HookPoint]: SubjectOf<P> };

const value: CheckedValue = { bytes: 2_000, digest: "0".repeat(64), faults: [], repaired: false };
const common = {
  run: {
    id: "run",
    agent: "planner",
    role: "planner",
    model: "claude-sonnet-5-5",
    mode: "PERMISSION",
    schemaValidation: "strict",
  },
  budget: [{ unit: "tokens", percent: 12.5 }],
  answeredBy: "claude-sonnet-5-5",
} as const;
const tool = { name: "read_file", risk: "low", readOnly: true, delegateTo: null } as const;

const definition = agentDefinition.parse({
  id: "hooked",
  role: "planner",
  description: "An agent with rules of its own",
  role_bindings: { planner: common.run.model },
  instructions: "Read.",
  tools: ["read_file", "list_directory"],
  constraints: [{ type: "read_only" }, { type: "path_constraint", paths: ["src"] }, { type: "max_steps", value: 50 }],
  input_schema: {},
  output_schema: {},
  hooks_enabled: [...hookPoints],
  hooks: {
    before_tool: [
      {
        name: "sources-only",
        rule: 'tool.name != "read_file" || args.path.startsWith("src/") && !args.path.contains(".env")',
        message: "only sources are read",
      },
    ],
    after_tool: [
      {
        name: "small-results",
        rule: "result.bytes < 1000000 && !(result.error && budget.tokens > 90.0)",
        message: "no",
      },
    ],
  },
});

const grant = definition;
const subjects: Subjects = {
  on_task_received: { ...common, input: value, lease: { ok: true } },
  on_plan: { ...common, plan: { steps: 6, tools: ["read_file", "list_directory"], faults: [] }, grant },
  before_tool: {
    ...common,
    tool,
    arguments: value,
    contextHash: value.digest,
    paths: ["src/total.js"],
    grant,
    callsMade: 7,
    lease: { ok: true },
    content: { path: "src/total.js" },
  },
  after_tool: { ...common, tool, result: { ...value, error: false }, alerts: [], loop: { level: "none", reason: "" } },
  before_finalize: { ...common, output: value, coherence: null },
  on_terminate: { ...common, end: { status: "completed", rule: "final-answer", reason: "", calls: 7 } },
};

/**
 * What asking the rules takes: a definition's own, as the activities ask them, then ours, as the workflow does. Of one tool call, with one CEL rule before it and one after it; and of all six points.
 */
export async function measureHooks(_stage: Stage, scale: number): Promise<Finding[]> {
  // No rule here warns.
  const log = {} as Parameters<typeof askOwnHooks>[0]["log"];
  const deps = { log, now: () => new Date(), newId: () => "", fetchOutside: fetch };
  const ask = async <P extends HookPoint>(point: P): Promise<void> => {
    const own = await askOwnHooks(deps, definition, point, subjects[point] as SubjectOf<P>);
    const { kind } = runHooks(point, rulesAt(point, definition.hooks_enabled, []), subjects[point] as SubjectOf<P>);
    if (own.kind !== passed.kind || kind !== "pass") throw new Error(`${point} does not pass: ${own.reason}`);
  };
  const count = Math.round(5_000 * scale);
  const measure = async (body: () => Promise<void>) => {
    // What the compiler has not seen often is slow: a worker has been up for a while.
    const samples = await sequence(count + 500, body);
    return summarise(samples.slice(500));
  };
  const ofCall = await measure(async () => {
    await ask("before_tool");
    await ask("after_tool");
  });
  const ofAll = await measure(async () => {
    for (const point of hookPoints) await ask(point);
  });
  const finding = (name: string, { p50, p95, p99, count: samples }: typeof ofCall): Finding => ({
    name,
    measured: `p50 ${figure(p50)}, p99 ${figure(p99)} ms`,
    value: p99,
    unit: "ms",
    target: { at: "most", value: 1 },
    facts: { p50, p95, p99, samples },
  });
  return [
    finding("hooks of a tool call, two CEL rules", ofCall),
    finding("hooks of all six points, two CEL rules", ofAll),
  ];
}
