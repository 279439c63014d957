import { Stack, Text } from "@mantine/core";
import { count, duration } from "../../../core/text/figures.ts";
import { Facts } from "../../parts/facts.tsx";
import { Status } from "../../parts/status.tsx";
import { Text as Block, textOf } from "../../parts/value.tsx";
import type { Shown } from "../../wire/client.ts";
import { markWords, type PlannedStep } from "./plan.ts";
import type { PlanStepState } from "./run-state.ts";
import { decisionSentence } from "./step-detail.tsx";

/** One step of a plan in full: what its planner wrote, and the calls that were made for it. */
export function PlanStep({
  step,
  mark,
  executor,
}: {
  step: PlannedStep;
  mark: PlanStepState | undefined;
  executor: Shown["RunDetail"] | undefined;
}) {
  const calls = (executor?.steps ?? []).filter(
    ({ plan_step: number, type }) => number === step.step && type === "tool_call",
  );
  return (
    <Stack gap="sm" w="100%" role="region" aria-label={`Step ${step.step} of the plan`}>
      <Text fw={600} style={{ overflowWrap: "anywhere" }}>
        Step {step.step}: {step.tool}
      </Text>
      <Facts
        facts={[
          ["State", markWords[mark?.mark ?? "queued"]],
          ["Description", step.description || "–"],
          ["Expected", step.expected || "–"],
          ["After", step.dependsOn.length === 0 ? "nothing" : step.dependsOn.map((need) => `step ${need}`).join(", ")],
          ["Tokens", count(mark?.tokens ?? 0)],
        ]}
      />
      <Block block={textOf(step.args ?? {})} maxHeight={200} />
      {calls.map((call) => (
        <div key={call.step_id}>
          <Text size="sm" component="div" mb={4}>
            <Status value={call.status} /> {call.tool}
            {call.duration_ms === null ? "" : `, ${duration(call.duration_ms)}`}
            {decisionSentence(call.decision) === undefined ? "" : `: ${decisionSentence(call.decision)}`}
          </Text>
          {call.output === null ? null : <Block block={call.output} maxHeight={160} />}
        </div>
      ))}
    </Stack>
  );
}
