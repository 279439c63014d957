import { Text } from "@mantine/core";
import { memo } from "react";
import { type MessageBeingSaid, textSoFar } from "../../../core/being-said.ts";
import { Moment } from "../../parts/moment.tsx";
import { ApprovalCard } from "./approval-card.tsx";
import type { Entry } from "./entries.ts";
import classes from "./entry.module.css";
import { ToolCall } from "./tool-call.tsx";

const tones = { quiet: "dimmed", warning: "yellow", bad: "red" } as const;
const marks = { quiet: "·", warning: "!", bad: "✗" } as const;

/** One piece of a conversation. Drawn anew only when it has changed. */
export const EntryView = memo(function EntryView({
  entry,
  person,
  agent,
}: {
  entry: Entry;
  /** Who speaks: names. */
  person: string;
  agent: string;
}) {
  switch (entry.kind) {
    case "person":
    case "agent":
    case "control_plane":
      return (
        <div className={`${classes["entry"]} ${classes["said"]} ${classes[entry.kind]}`}>
          <span className={classes["who"]}>
            {{ person, agent, control_plane: "Powerloom" }[entry.kind]}, <Moment at={entry.at} />
          </span>
          <div>{entry.text}</div>
        </div>
      );
    case "call":
      return <ToolCall call={entry} />;
    case "approval":
      return <ApprovalCard requestId={entry.requestId} summary={entry.summary} />;
    case "line":
      return (
        <Text size="xs" c={tones[entry.tone]} style={{ overflowWrap: "anywhere" }}>
          <span aria-hidden="true">{marks[entry.tone]} </span>
          {entry.text}
        </Text>
      );
  }
});

/** A message that grows as it is said. It is announced when it is told in full, not word by word. */
export function BeingSaidView({ message, agent }: { message: MessageBeingSaid; agent: string }) {
  const text = textSoFar(message).trim();
  if (text === "") return null;
  return (
    <div className={`${classes["entry"]} ${classes["said"]} ${classes["agent"]}`} aria-live="off">
      <span className={classes["who"]}>{agent} is saying</span>
      <div>{text}</div>
    </div>
  );
}
