import type { RunEvent } from "./follow.ts";
import { textOf } from "./payload.ts";
import { closed, endMark, withItem } from "./run-node.ts";
import { type Item, isOver, type RunNode, type RunTree, unknownRun } from "./tree.ts";

/** The tree after a run has started; one that nobody has announced hangs below the run it names. */
export function started(tree: RunTree, event: RunEvent, node: RunNode, at: number): RunTree {
  const parent = tree.runs[textOf(event, "parent_run_id")] ?? tree.runs[tree.rootId];
  const placed = isPlaced(tree, node.id) || parent === undefined || parent.id === node.id;
  const item: Item = { kind: "run", planStep: null, stepId: "", runId: node.id };
  return withNode(placed ? tree : withNode(tree, withItem(parent, item)), {
    ...node,
    ...(placed ? {} : { parentId: parent.id }),
    agent: textOf(event, "agent") || node.agent,
    model: textOf(event, "model"),
    task: textOf(event, "task") || node.task,
    mark: isOver(node.mark) ? node.mark : "running",
    startedAt: at,
  });
}

/** The subagent takes the place of the call that started it. */
export function childStarted(tree: RunTree, event: RunEvent, node: RunNode): RunTree {
  const id = textOf(event, "child_run_id");
  const known = tree.runs[id];
  // A run has one place: nothing that is drawn goes round in circles.
  if (id === "" || id === node.id || isPlaced(tree, id)) return withNode(tree, node);
  const stepId = textOf(event, "step_id");
  const planStep = node.items.find((item) => item.kind === "step" && item.id === stepId)?.planStep ?? null;
  const child = { ...(known ?? unknownRun(id)), parentId: node.id, agent: textOf(event, "agent") || "agent" };
  const item: Item = { kind: "run", planStep, stepId, runId: id };
  const replaced = node.items.some((one) => one.kind === "step" && one.id === stepId)
    ? node.items.map((one) => (one.kind === "step" && one.id === stepId ? item : one))
    : [...node.items, item];
  return withNode(withNode(tree, { ...node, items: replaced }), child);
}

/** The tree after a run has heard that its subagent is over. */
export function childEnded(tree: RunTree, event: RunEvent, at: number): RunTree {
  const child = tree.runs[textOf(event, "child_run_id")];
  if (child === undefined || isOver(child.mark)) return tree;
  return withNode(tree, { ...closed(child, endMark(textOf(event, "status"))), endedAt: at });
}

function isPlaced(tree: RunTree, id: string): boolean {
  if (id === tree.rootId) return true;
  return Object.values(tree.runs).some(({ items }) => items.some((item) => item.kind === "run" && item.runId === id));
}

/** The tree with a run as it is now. */
export function withNode(tree: RunTree, node: RunNode): RunTree {
  return { ...tree, runs: { ...tree.runs, [node.id]: node } };
}
