import { Button, SegmentedControl, Stack, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { lazy, Suspense, useState } from "react";
import { Section } from "../../parts/section.tsx";
import { Loading } from "../../parts/states.tsx";
import type { Shown } from "../../wire/client.ts";
import { markWords } from "./plan.ts";
import { PlanList } from "./plan-list.tsx";
import { PlanStep } from "./plan-step.tsx";
import type { RunState, StepMark } from "./run-state.ts";
import { usePlan } from "./use-plan.ts";

// The graph's library is large, and most runs are looked at without it.
const PlanGraph = lazy(() => import("./plan-graph.tsx").then((module) => ({ default: module.PlanGraph })));

/** Beyond this many steps a graph shows nothing any more. */
const mostInGraph = 120;

/** The plan of a run: its steps as a graph or as a list, and the chosen one in full. */
export function PlanSection({ run, state }: { run: Shown["RunDetail"]; state: RunState }) {
  const plan = usePlan(run, state);
  const narrow = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const [asList, setAsList] = useState(false);
  const [chosen, setChosen] = useState<number>();
  if (plan === undefined) return null;
  const graph = !narrow && !asList && plan.steps.length <= mostInGraph;
  const step = plan.steps.find(({ step: number }) => number === chosen);
  return (
    <Section
      title="Plan"
      actions={
        narrow || plan.steps.length > mostInGraph ? null : (
          <SegmentedControl
            size="xs"
            aria-label="How the plan is shown"
            value={asList ? "list" : "graph"}
            onChange={(value) => setAsList(value === "list")}
            data={[
              { value: "graph", label: "Graph" },
              { value: "list", label: "List" },
            ]}
          />
        )
      }
    >
      <Text size="sm" c="dimmed" mb="sm">
        {totals([...plan.marks.values()].map(({ mark }) => mark))}
        {plan.reasoning === "" ? "" : ` Its planner's reason: ${plan.reasoning}`}
        {plan.risks.length === 0 ? "" : ` Risks it names: ${plan.risks.join("; ")}`}
      </Text>
      {graph ? (
        <Suspense fallback={<Loading lines={3} label="Drawing the plan" />}>
          <PlanGraph steps={plan.steps} marks={plan.marks} chosen={chosen} onChoose={setChosen} />
        </Suspense>
      ) : (
        <PlanList steps={plan.steps} marks={plan.marks} chosen={chosen} onChoose={setChosen} />
      )}
      {step === undefined ? null : (
        <Stack gap="sm" mt="md" align="flex-start">
          <PlanStep step={step} mark={plan.marks.get(step.step)} executor={plan.executor} />
          <Button size="xs" variant="default" onClick={() => setChosen(undefined)}>
            Close step {step.step}
          </Button>
        </Stack>
      )}
    </Section>
  );
}

/** `6 steps: 4 done, 1 running, 1 not begun.` */
function totals(marks: readonly StepMark[]): string {
  const counts = new Map<StepMark, number>();
  for (const mark of marks) counts.set(mark, (counts.get(mark) ?? 0) + 1);
  const parts = [...counts].map(([mark, number]) => `${number} ${markWords[mark]}`);
  return `${marks.length} ${marks.length === 1 ? "step" : "steps"}: ${parts.join(", ")}.`;
}
