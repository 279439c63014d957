import { Text } from "@mantine/core";
import { Moment } from "../../parts/moment.tsx";
import classes from "./timeline.module.css";
import type { TimelineStep } from "./timeline.ts";

const marks = { done: "✓", waiting: "…", failed: "✕" } as const;
const spoken = { done: "done", waiting: "waits", failed: "ended" } as const;

/** Steps in the order in which they happened, each with its time and who took it. */
export function Timeline({ steps }: { steps: readonly TimelineStep[] }) {
  return (
    <ol className={classes["timeline"]} aria-label="What has happened">
      {steps.map(({ key, state, title, at, who, note }) => (
        <li key={key} data-state={state}>
          <span className={classes["mark"]} aria-hidden="true">
            {marks[state]}
          </span>
          <div className={classes["step"]}>
            <Text size="sm" fw={600}>
              <span className="visually-hidden">{spoken[state]}: </span>
              {title}
            </Text>
            <Text size="sm" c="dimmed" component="div">
              {who === null ? null : <>{who} </>}
              {at === null ? null : <Moment at={at} />}
            </Text>
            {note === null ? null : (
              <Text size="sm" style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
                {note}
              </Text>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}
