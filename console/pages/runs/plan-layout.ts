import { Graph, layout } from "@dagrejs/dagre";
import type { PlannedStep } from "./plan.ts";

/** How large a step is drawn, pixels; the style sheet has the same. */
export const nodeSize = { width: 264, height: 76 } as const;

/** Where each step of a plan stands: below all that it waits for. Pixels, upper left corners. */
export function placed(steps: readonly PlannedStep[]): {
  positions: ReadonlyMap<number, { x: number; y: number }>;
  height: number;
} {
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 40 });
  graph.setDefaultEdgeLabel(() => ({}));
  const known = new Set(steps.map(({ step }) => step));
  // The last first: dagre puts what it was told of last on the left.
  for (const { step } of [...steps].reverse()) graph.setNode(String(step), { ...nodeSize });
  for (const { step, dependsOn } of [...steps].reverse())
    for (const need of [...dependsOn].reverse()) if (known.has(need)) graph.setEdge(String(need), String(step));
  layout(graph);
  const positions = new Map(
    steps.map(({ step }) => {
      const { x, y } = graph.node(String(step)) as { x: number; y: number };
      return [step, { x: x - nodeSize.width / 2, y: y - nodeSize.height / 2 }];
    }),
  );
  return { positions, height: Math.max(0, ...[...positions.values()].map(({ y }) => y + nodeSize.height)) };
}
