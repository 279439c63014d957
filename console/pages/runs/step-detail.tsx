import { Anchor, Drawer, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { count, dollars, duration } from "../../../core/text/figures.ts";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Status } from "../../parts/status.tsx";
import { Text as Block, textOf } from "../../parts/value.tsx";
import type { Shown } from "../../wire/client.ts";
import { isFields } from "./payload.ts";

/** Why a call was let pass, or was not, in a few words; undefined: nobody decided anything. */
export function decisionSentence(decision: unknown): string | undefined {
  if (!isFields(decision)) return undefined;
  const { rule, reason } = decision;
  if (typeof reason === "string" && reason !== "") return typeof rule === "string" ? `${reason} (${rule})` : reason;
  return typeof rule === "string" ? rule : undefined;
}

/** One step in full: what went in, what came out, why it was let pass, what it took. All of it is text. */
export function StepDetail({ step, onClose }: { step: Shown["RunStep"] | undefined; onClose: () => void }) {
  return (
    <Drawer
      opened={step !== undefined}
      onClose={onClose}
      position="right"
      size="lg"
      title={`Step ${step?.step_id ?? ""}`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {step === undefined ? null : (
        <Stack gap="md">
          <Facts
            facts={[
              ["What", step.type === "model_call" ? "the model answers" : (step.tool ?? "a tool is called")],
              ["State", <Status value={step.status} key="state" />],
              ...(step.plan_step === null ? [] : ([["Of the plan", `step ${step.plan_step}`]] as [string, string][])),
              ["Decision", decisionSentence(step.decision) ?? "–"],
              ["Tokens", count(step.tokens)],
              ["Cost", dollars(step.cost_micros)],
              ["Took", step.duration_ms === null ? "–" : duration(step.duration_ms)],
              ["Answered by", step.endpoint ?? "–"],
              ["Begun", <Moment at={step.created_at} absolute key="begun" />],
              ...(step.child_run_id === null
                ? []
                : ([
                    [
                      "Subagent",
                      <Anchor component={Link} to={`/runs/${step.child_run_id}`} inherit key="child">
                        {step.child_run_id}
                      </Anchor>,
                    ],
                  ] as const)),
            ]}
          />
          {step.error === null ? null : <Part title="Error" text={step.error} />}
          {step.input === null ? null : <Part title="Input" text={step.input} />}
          {step.output === null ? null : <Part title="Output" text={step.output} />}
          {step.decision === null ? null : <Part title="The decision in full" text={textOf(step.decision)} />}
        </Stack>
      )}
    </Drawer>
  );
}

function Part({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <Text size="sm" fw={600} mb={4}>
        {title}
      </Text>
      <Block block={text} maxHeight={360} />
    </div>
  );
}
