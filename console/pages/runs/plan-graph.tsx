import "@xyflow/react/dist/style.css";
import { useComputedColorScheme } from "@mantine/core";
import {
  type Edge,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from "@xyflow/react";
import { useEffect, useMemo } from "react";
import classes from "./plan.module.css";
import type { PlannedStep } from "./plan.ts";
import { nodeSize, placed } from "./plan-layout.ts";
import { type PlanViewProps, StepButton } from "./plan-list.tsx";
import type { PlanStepState } from "./run-state.ts";

type StepNode = Node<{
  step: PlannedStep;
  mark: PlanStepState | undefined;
  chosen: boolean;
  onChoose: (step: number) => void;
}>;

const nodeTypes = { step: StepBox };
const fitting = { padding: 0.06, maxZoom: 1 } as const;

/** A plan as a graph: what waits for what, each step with its state. Every step is a button; nothing is moved. */
export function PlanGraph(props: PlanViewProps) {
  return (
    <ReactFlowProvider>
      <Graph {...props} />
    </ReactFlowProvider>
  );
}

function Graph({ steps, marks, chosen, onChoose }: PlanViewProps) {
  const scheme = useComputedColorScheme("light");
  const layout = useMemo(() => placed(steps), [steps]);
  const nodes = steps.map((step): StepNode => {
    const position = layout.positions.get(step.step) ?? { x: 0, y: 0 };
    const data = { step, mark: marks.get(step.step), chosen: chosen === step.step, onChoose };
    return { id: String(step.step), type: "step", position, data, ...nodeSize };
  });
  const edges = useMemo(() => edgesOf(steps), [steps]);
  const { fitView } = useReactFlow();
  const width = useStore((store) => store.width);
  useEffect(() => {
    // The window may have become wider or narrower.
    if (width > 0 && layout.height > 0) void fitView(fitting);
  }, [width, layout.height, fitView]);
  return (
    <section
      className={classes["graph"]}
      style={{ height: Math.min(560, Math.max(160, layout.height + 60)) }}
      aria-label="The plan's steps"
    >
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        colorMode={scheme}
        fitView
        fitViewOptions={fitting}
        minZoom={0.2}
        maxZoom={1.5}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        proOptions={{ hideAttribution: true }}
      />
    </section>
  );
}

function edgesOf(steps: readonly PlannedStep[]): Edge[] {
  const known = new Set(steps.map(({ step }) => step));
  return steps.flatMap(({ step, dependsOn }) =>
    dependsOn
      .filter((need) => known.has(need))
      .map((need) => ({
        id: `${need}-${step}`,
        source: String(need),
        target: String(step),
        markerEnd: { type: MarkerType.ArrowClosed },
      })),
  );
}

function StepBox({ data: { step, mark, chosen, onChoose } }: NodeProps<StepNode>) {
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} style={{ opacity: 0 }} />
      <StepButton step={step} mark={mark} chosen={chosen} onChoose={() => onChoose(step.step)} />
      <Handle type="source" position={Position.Bottom} isConnectable={false} style={{ opacity: 0 }} />
    </>
  );
}
