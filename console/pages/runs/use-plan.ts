import { $api, type Shown } from "../../wire/client.ts";
import { isFields } from "./payload.ts";
import { marksOf, type PlannedStep, stepsOf } from "./plan.ts";
import { isOver, type PlanStepState, type RunState } from "./run-state.ts";

type RunDetail = Shown["RunDetail"];

export interface ShownPlan {
  steps: readonly PlannedStep[];
  marks: ReadonlyMap<number, PlanStepState>;
  reasoning: string;
  risks: readonly string[];
  /** The run that carries it out, with its calls; undefined while there is none. */
  executor: RunDetail | undefined;
}

/**
 * The plan that a run follows, or that its subagents made and carry out: the latest. An executor that has begun anew has a
 * plan of its own; else it is its planner's answer. Undefined: there is none (yet).
 */
export function usePlan(run: RunDetail, state: RunState): ShownPlan | undefined {
  const among = (role: string) => [run, ...run.children].filter((one) => one.role === role).at(-1);
  const executorId = among("executor")?.id;
  const elsewhere = $api.useQuery(
    "get",
    "/runs/{run_id}",
    { params: { path: { run_id: executorId ?? "" } } },
    { enabled: executorId !== undefined && executorId !== run.id, refetchInterval: isOver(run.status) ? false : 2_000 },
  );
  const executor = executorId === run.id ? run : elsewhere.data;
  const named = isFields(executor?.input) && typeof executor.input["plan"] === "string" ? executor.input["plan"] : "";
  const near = run.children.find(({ id }) => id === named) ?? among("planner");
  const planner = $api.useQuery(
    "get",
    "/runs/{run_id}",
    { params: { path: { run_id: named } } },
    { enabled: named !== "" && near === undefined },
  );
  const plan = executor?.plan ?? run.plan ?? near?.output ?? planner.data?.plan ?? planner.data?.output;
  const steps = stepsOf(plan);
  if (steps.length === 0 || !isFields(plan)) return undefined;
  const heard = executorId === undefined ? undefined : state.agents.get(executorId)?.plan;
  return {
    steps,
    marks: marksOf(steps, heard, executor?.output, executor?.steps),
    reasoning: typeof plan["reasoning"] === "string" ? plan["reasoning"] : "",
    risks: Array.isArray(plan["risks"]) ? plan["risks"].map(String) : [],
    executor,
  };
}
