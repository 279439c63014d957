import { Anchor, Button, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { count, dollars, duration } from "../../../core/text/figures.ts";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Section } from "../../parts/section.tsx";
import { Status } from "../../parts/status.tsx";
import type { Shown } from "../../wire/client.ts";
import { decisionSentence, StepDetail } from "./step-detail.tsx";

type RunStep = Shown["RunStep"];

const atFirst = 50;

/** Every answer of the model and every call of a tool, the latest first; each opens in full. */
export function Steps({ run }: { run: Shown["RunDetail"] }) {
  const [shown, setShown] = useState(atFirst);
  const [opened, setOpened] = useState<string>();
  const steps = [...run.steps].reverse();
  const step = run.steps.find(({ step_id: id }) => id === opened);
  return (
    <Section title="Steps">
      {steps.length === 0 ? (
        <Text size="sm" c="dimmed">
          No step yet.
        </Text>
      ) : (
        <DataTable label="Steps" columns={columnsWith(setOpened)} rows={steps.slice(0, shown)} rowKey={keyOf} />
      )}
      {steps.length > shown ? (
        <Button variant="default" size="xs" mt="sm" onClick={() => setShown(shown + 100)}>
          Show earlier steps
        </Button>
      ) : null}
      {run.steps.length >= 500 ? (
        <Text size="xs" c="dimmed" mt="sm">
          These are the latest 500; the export holds every step.
        </Text>
      ) : null}
      <StepDetail step={step} onClose={() => setOpened(undefined)} />
    </Section>
  );
}

const whatIs = ({ type, tool }: RunStep) => (type === "model_call" ? "model answers" : (tool ?? "tool"));
const keyOf = ({ step_id: id }: RunStep) => id;

function columnsWith(open: (id: string) => void): readonly Column<RunStep>[] {
  return [
    {
      title: "Step",
      cell: (step) => (
        <Anchor
          component="button"
          type="button"
          size="sm"
          fw={550}
          ta="left"
          aria-label={`${whatIs(step)}, step ${step.step_id}: show in full`}
          onClick={() => open(step.step_id)}
        >
          {whatIs(step)}
        </Anchor>
      ),
      width: "11rem",
    },
    { title: "Where", cell: ({ step_id: id }) => <span style={{ whiteSpace: "nowrap" }}>{id}</span> },
    { title: "State", cell: ({ status }) => <Status value={status} /> },
    {
      title: "With what",
      cell: (step) =>
        step.child_run_id === null ? (
          <>
            {step.input === null ? null : (
              <Text size="xs" lineClamp={2} ff="monospace">
                {step.input}
              </Text>
            )}
            <Text size="xs" c="dimmed" lineClamp={2}>
              {decisionSentence(step.decision) ?? (step.endpoint === null ? "–" : `by ${step.endpoint}`)}
            </Text>
          </>
        ) : (
          <Anchor component={Link} to={`/runs/${step.child_run_id}`} size="xs">
            the subagent it started
          </Anchor>
        ),
    },
    { title: "Tokens", cell: ({ tokens }) => (tokens === 0 ? "–" : count(tokens)), align: "right" },
    { title: "Cost", cell: ({ cost_micros: cost }) => (cost === 0 ? "–" : dollars(cost)), align: "right" },
    { title: "Took", cell: ({ duration_ms: ms }) => (ms === null ? "–" : duration(ms)), align: "right" },
  ];
}
