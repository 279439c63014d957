import { Button, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { count } from "../../../core/text/figures.ts";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import classes from "./happened.module.css";
import type { LogLine, RunState } from "./run-state.ts";

const signs: Readonly<Record<LogLine["weight"], { sign: string; spoken: string }>> = {
  plain: { sign: "·", spoken: "" },
  good: { sign: "✓", spoken: "done: " },
  warning: { sign: "!", spoken: "look: " },
  bad: { sign: "✗", spoken: "failed: " },
};

/** What happened, the newest first; what somebody should look at stands apart, so that no flood of events hides it. */
export function Happened({ state }: { state: RunState }) {
  const [shown, setShown] = useState(25);
  const lines = [...state.log].reverse();
  const alerts = [...state.alerts].reverse();
  return (
    <>
      {alerts.length === 0 ? null : (
        <Section title="To look at">
          <Lines label="To look at" lines={alerts.slice(0, 30)} />
        </Section>
      )}
      <Section title="What happened">
        {lines.length === 0 ? (
          <Text size="sm" c="dimmed">
            Nothing yet.
          </Text>
        ) : (
          <Stack gap="sm">
            <Lines label="What happened" lines={lines.slice(0, shown)} />
            {lines.length > shown ? (
              <Button
                variant="default"
                size="xs"
                onClick={() => setShown(shown + 100)}
                style={{ alignSelf: "flex-start" }}
              >
                Show earlier
              </Button>
            ) : null}
            {state.heard > lines.length ? (
              <Text size="xs" c="dimmed">
                {count(state.heard)} events in all; the export holds every one.
              </Text>
            ) : null}
          </Stack>
        )}
      </Section>
    </>
  );
}

function Lines({ label, lines }: { label: string; lines: readonly LogLine[] }) {
  return (
    <ol className={classes["lines"]} aria-label={label}>
      {lines.map((line) => (
        <Line key={line.position} line={line} />
      ))}
    </ol>
  );
}

function Line({ line: { at, agent, planStep, weight, text } }: { line: LogLine }) {
  const { sign, spoken } = signs[weight];
  return (
    <li className={classes["line"]} data-weight={weight}>
      <span aria-hidden="true" className={classes["sign"]}>
        {sign}
      </span>
      <span className="visually-hidden">{spoken}</span>
      <span className={classes["text"]}>
        <b>
          {agent}
          {planStep === null ? "" : `, step ${planStep}`}
        </b>{" "}
        {text.length > 400 ? `${text.slice(0, 400)}…` : text}
      </span>
      <span className={classes["at"]}>
        <Moment at={at} />
      </span>
    </li>
  );
}
