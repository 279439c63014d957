import { Stack, Text } from "@mantine/core";
import { count, dollars } from "../../../core/text/figures.ts";
import { BudgetBar } from "../../parts/budget-bar.tsx";
import { useNow } from "../../parts/clock.ts";
import { Section } from "../../parts/section.tsx";
import type { Shown } from "../../wire/client.ts";
import { isOver, type RunState } from "./run-state.ts";
import { UsageLine } from "./usage-line.tsx";

/** How much of its budget a run has used, subagents included: a bar for each limit, and the tokens by time. */
export function BurnDown({ run, state }: { run: Shown["RunDetail"]; state: RunState }) {
  const { tokens, cost_usd: cost, calls, wall_seconds: seconds } = run.budget;
  // Events are ahead of what was asked for; usage only grows, so the larger figure is the newer.
  const used = Math.max(run.used.tokens, state.usage.at(-1)?.tokens ?? 0);
  const now = useNow();
  const until = run.completed_at === null ? now : Date.parse(run.completed_at);
  const elapsed = run.started_at === null ? 0 : Math.max(0, Math.round((until - Date.parse(run.started_at)) / 1_000));
  return (
    <Section title="Budget">
      <Stack gap="sm">
        {tokens === undefined ? null : <BudgetBar label="Tokens" used={used} limit={tokens} unit="tokens" />}
        {cost === undefined ? null : (
          <BudgetBar label="Cost" used={run.used.cost_micros / 1_000_000} limit={cost} unit="USD" />
        )}
        {calls === undefined ? null : (
          <BudgetBar label="Model calls" used={run.used.calls} limit={calls} unit="calls" />
        )}
        {seconds === undefined ? null : <BudgetBar label="Time" used={elapsed} limit={seconds} unit="s" />}
        <Text size="xs" c="dimmed">
          {count(used)} tokens, {dollars(run.used.cost_micros)}, {count(run.used.calls)} model{" "}
          {run.used.calls === 1 ? "call" : "calls"}, subagents included.
          {isOver(run.status) ? "" : " The run is stopped where a limit is reached."}
        </Text>
        <UsageLine points={state.usage} limit={tokens} />
      </Stack>
    </Section>
  );
}
