import { Badge, UnstyledButton } from "@mantine/core";
import classes from "./plan.module.css";
import { markColors, markWords, type PlannedStep } from "./plan.ts";
import type { PlanStepState } from "./run-state.ts";

export interface PlanViewProps {
  steps: readonly PlannedStep[];
  marks: ReadonlyMap<number, PlanStepState>;
  chosen: number | undefined;
  onChoose: (step: number) => void;
}

/** A plan as a list, in its own order: for narrow screens, and for whoever would rather read. */
export function PlanList({ steps, marks, chosen, onChoose }: PlanViewProps) {
  return (
    <ol className={classes["list"]}>
      {steps.map((step) => (
        <li key={step.step}>
          <StepButton
            step={step}
            mark={marks.get(step.step)}
            chosen={chosen === step.step}
            onChoose={() => onChoose(step.step)}
          />
        </li>
      ))}
    </ol>
  );
}

/** One step: number, tool, description, and its state in a word and a colour. */
export function StepButton({
  step,
  mark,
  chosen,
  onChoose,
}: {
  step: PlannedStep;
  mark: PlanStepState | undefined;
  chosen: boolean;
  onChoose: () => void;
}) {
  const state = mark?.mark ?? "queued";
  return (
    <UnstyledButton
      className={`${classes["step"]} nodrag nopan`}
      data-mark={state}
      aria-pressed={chosen}
      onClick={onChoose}
      title={step.description}
    >
      <span className={classes["head"]}>
        <b>{step.step}.</b>
        <span className={classes["tool"]}>{step.tool}</span>
        <Badge size="sm" color={markColors[state]}>
          {markWords[state]}
        </Badge>
      </span>
      <span className={classes["description"]}>{step.description}</span>
      {step.dependsOn.length === 0 ? null : (
        <span className={classes["after"]}>after {step.dependsOn.map((number) => `step ${number}`).join(", ")}</span>
      )}
    </UnstyledButton>
  );
}
