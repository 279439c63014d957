import { Anchor, Group, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { count, dollars } from "../../../core/text/figures.ts";
import { Section } from "../../parts/section.tsx";
import { Status } from "../../parts/status.tsx";
import type { Shown } from "../../wire/client.ts";
import { isOver, type RunState } from "./run-state.ts";
import classes from "./subagents.module.css";

type Child = Shown["Run"];

/** The runs that this one has started, and what these have, as a tree. */
export function Subagents({ run, state }: { run: Shown["RunDetail"]; state: RunState }) {
  return (
    <Section title="Subagents">
      {run.children.length === 0 ? (
        <Text size="sm" c="dimmed">
          {isOver(run.status) ? "It started no other agent." : "It has started no other agent yet."}
        </Text>
      ) : (
        <Below of={run.id} runs={run.children} state={state} />
      )}
    </Section>
  );
}

function Below({ of, runs, state }: { of: string; runs: readonly Child[]; state: RunState }) {
  const here = runs.filter(({ parent_run_id: parent }) => parent === of);
  if (here.length === 0) return null;
  return (
    <ul className={classes["tree"]}>
      {here.map((child) => (
        <li key={child.id}>
          <Group gap="sm" justify="space-between" wrap="nowrap" align="flex-start" py={4}>
            <div style={{ minWidth: 0 }}>
              <Anchor component={Link} to={`/runs/${child.id}`} size="sm" fw={550}>
                {child.agent}
              </Anchor>{" "}
              <Text span size="xs" c="dimmed">
                {child.model}, {count(child.used.tokens)} tokens, {dollars(child.used.cost_micros)}
              </Text>
              <Text size="xs" c="dimmed" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
                {child.reason !== null && child.status !== "completed" ? child.reason.reason : child.task}
              </Text>
            </div>
            {/* Of what was asked for and what was heard, what says that it is over is the newer. */}
            <Status
              value={isOver(child.status) ? child.status : (state.agents.get(child.id)?.status ?? child.status)}
            />
          </Group>
          <Below of={child.id} runs={runs} state={state} />
        </li>
      ))}
    </ul>
  );
}
