import type { RuleVariables } from "../cel/rule-types.ts";
import type { HookPoint } from "./points.ts";
import type { BudgetUse, ResultSubject, RunView, SubjectOf, ToolSubject } from "./subjects.ts";

/** What the rules of definitions may look at, by point, and how a subject fills it in. */

const run = { id: "string", agent: "string", role: "string", model: "string", mode: "string" } as const;
/** Per cent used up; 0 for what has no limit. */
const budget = { tokens: "double", cost: "double", calls: "double" } as const;
const tool = { name: "string", risk: "string", read_only: "bool", delegate_to: "string" } as const;

export const ruleVariables: Readonly<Record<HookPoint, RuleVariables>> = {
  on_task_received: { run, budget, input: "dyn" },
  on_plan: { run, budget, plan: { steps: "int", tools: "list<string>" } },
  before_tool: {
    run,
    budget,
    tool,
    args: "dyn",
    call: { bytes: "int", paths: "list<string>", calls_made: "int" },
  },
  after_tool: { run, budget, tool, result: { bytes: "int", digest: "string", error: "bool" } },
  before_finalize: { run, budget, output: "dyn" },
  on_terminate: { run, budget, end: { status: "string", rule: "string", reason: "string", calls: "int" } },
};

/** Variables that hold what people or models wrote, and are there only beside the transcript. */
export const contentVariables: ReadonlySet<string> = new Set(["input", "args", "output"]);

type Values = Record<string, unknown>;

const fills: { readonly [P in HookPoint]: (subject: SubjectOf<P>) => Values } = {
  on_task_received: (subject) => content("input", subject),
  on_plan: ({ plan: { steps, tools } }) => ({ plan: { steps, tools } }),
  before_tool: (subject) => ({
    tool: toolValues(subject),
    call: { bytes: subject.arguments.bytes, paths: subject.paths, calls_made: subject.callsMade },
    ...content("args", subject),
  }),
  after_tool: (subject) => ({
    tool: toolValues(subject),
    result: { bytes: subject.result.bytes, digest: subject.result.digest, error: subject.result.error },
  }),
  before_finalize: (subject) => content("output", subject),
  on_terminate: ({ end }) => ({ end }),
};

/** The values of a point's variables for a subject. */
export function ruleValues<P extends HookPoint>(point: P, subject: SubjectOf<P>): Values {
  return { run: runValues(subject.run), budget: budgetValues(subject.budget), ...fills[point](subject) };
}

function content(name: string, { content: value }: { content?: unknown }): Values {
  return value === undefined ? {} : { [name]: value };
}

function runValues({ id, agent, role, model, mode }: RunView): Values {
  return { id, agent, role, model, mode };
}

function budgetValues(uses: readonly BudgetUse[]): Values {
  const percent = (unit: BudgetUse["unit"]) => uses.find((use) => use.unit === unit)?.percent ?? 0;
  return { tokens: percent("tokens"), cost: percent("costMicros"), calls: percent("calls") };
}

function toolValues({ tool: { name, risk, readOnly, delegateTo } }: ToolSubject | ResultSubject): Values {
  return { name, risk, read_only: readOnly, delegate_to: delegateTo ?? "" };
}
