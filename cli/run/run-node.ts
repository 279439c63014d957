import type { RunEvent } from "./follow.ts";
import { numberOf, textOf } from "./payload.ts";
import { type Item, isOver, type Mark, type PlanStep, type RunNode, type StepItem } from "./tree.ts";

/** A run that is over has nothing open. */
export function closed(node: RunNode, mark: Mark): RunNode {
  const items = node.items.map((item) =>
    item.kind === "step" && !isOver(item.mark) ? { ...item, mark: "stopped" as const, requestId: null } : item,
  );
  const plan = Object.fromEntries(
    Object.entries(node.plan).map(([number, step]) => [
      number,
      isOver(step.mark) ? step : { ...step, mark: mark === "done" ? mark : ("failed" as const) },
    ]),
  );
  return { ...node, mark, items, plan };
}

/** How a run stands that ended with this status. */
export function endMark(status: string): Mark {
  if (status === "completed") return "done";
  return status === "stopped" || status === "cancelled" ? status : "failed";
}

/** A step that a model has just asked for. `at`: epoch milliseconds. */
export function newStep(id: string, planStep: number | null, at: number): StepItem {
  return {
    kind: "step",
    id,
    planStep,
    tool: "tool",
    mark: "running",
    input: "",
    detail: "",
    requestId: null,
    startedAt: at,
    durationMs: null,
    tokens: 0,
  };
}

/** Changes the step an event is of; one that nobody has heard of is added. */
export function changeStep(node: RunNode, event: RunEvent, at: number, change: Partial<StepItem>): RunNode {
  const id = textOf(event, "step_id");
  const named = textOf(event, "tool") === "" ? {} : { tool: textOf(event, "tool") };
  if (node.items.some((item) => item.kind === "step" && item.id === id))
    return {
      ...node,
      items: node.items.map((item) =>
        item.kind === "step" && item.id === id ? { ...item, ...named, ...change } : item,
      ),
    };
  return withItem(node, { ...newStep(id, numberOf(event, "plan_step"), at), ...named, ...change });
}

/** A run's plan with a step marked anew, and with what it has used more. Null: it is of no plan. */
export function withPlanStep(
  node: RunNode,
  number: number | null,
  mark: Mark,
  tokens: number,
): Readonly<Record<number, PlanStep>> {
  if (number === null) return node.plan;
  return { ...node.plan, [number]: { mark, tokens: (node.plan[number]?.tokens ?? 0) + tokens } };
}

/** Adds something below a run. */
export function withItem(node: RunNode, item: Item): RunNode {
  return { ...node, items: [...node.items, item] };
}
