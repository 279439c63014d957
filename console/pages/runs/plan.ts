import { isFields } from "./payload.ts";
import type { AgentState, PlanStepState, StepMark } from "./run-state.ts";

/** A step as its planner wrote it. */
export interface PlannedStep {
  step: number;
  description: string;
  tool: string;
  args: unknown;
  expected: string;
  dependsOn: readonly number[];
}

/** The steps of a plan as the API shows it; what is none has none. Texts and arguments are a model's own words. */
export function stepsOf(plan: unknown): PlannedStep[] {
  if (!isFields(plan) || !Array.isArray(plan["steps"])) return [];
  return (plan["steps"] as unknown[]).flatMap((entry) => {
    if (!isFields(entry) || typeof entry["step"] !== "number") return [];
    const { step, description, tool, args, expected_output: expected, depends_on: needs } = entry;
    return [
      {
        step,
        description: typeof description === "string" ? description : "",
        tool: typeof tool === "string" ? tool : "",
        args,
        expected: typeof expected === "string" ? expected : "",
        dependsOn: Array.isArray(needs) ? needs.filter((need) => typeof need === "number") : [],
      },
    ];
  });
}

const marks = ["done", "failed", "skipped"] as const;

/**
 * How each step of a plan stands: as the run that carries it out has told, or, when that is over, as its output says.
 * @param output of that run; its own word on each step
 * @param calls of that run: what a model is being asked for, no event tells
 */
export function marksOf(
  steps: readonly PlannedStep[],
  heard: AgentState["plan"] | undefined,
  output: unknown,
  calls: readonly { plan_step: number | null; status: string }[] = [],
): ReadonlyMap<number, PlanStepState> {
  const begun = new Set(calls.filter(({ status }) => status === "running").map(({ plan_step: step }) => step));
  const said = new Map<number, StepMark>();
  if (isFields(output) && Array.isArray(output["steps"]))
    for (const entry of output["steps"] as unknown[]) {
      if (!isFields(entry) || typeof entry["step"] !== "number") continue;
      const mark = marks.find((one) => one === entry["status"]);
      if (mark !== undefined) said.set(entry["step"], mark);
    }
  return new Map(
    steps.map(({ step }) => {
      const known = heard?.get(step);
      return [
        step,
        { mark: said.get(step) ?? known?.mark ?? (begun.has(step) ? "running" : "queued"), tokens: known?.tokens ?? 0 },
      ];
    }),
  );
}

/** What a step's state is called. */
export const markWords: Readonly<Record<StepMark, string>> = {
  queued: "not begun",
  running: "running",
  waiting: "waits for approval",
  done: "done",
  failed: "failed",
  skipped: "skipped",
};

/** Colours of steps' states, beside the word. */
export const markColors: Readonly<Record<StepMark, string>> = {
  queued: "gray",
  running: "blue",
  waiting: "yellow",
  done: "teal",
  failed: "red",
  skipped: "gray",
};
