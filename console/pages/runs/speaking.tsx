import { Stack, Text } from "@mantine/core";
import { Section } from "../../parts/section.tsx";
import { Text as Block } from "../../parts/value.tsx";
import type { RunState } from "./run-state.ts";

/** What models are saying now. It is not kept: what they asked for is among the steps. */
export function Speaking({ state }: { state: RunState }) {
  const speeches = [...state.speaking.entries()];
  if (speeches.length === 0) return null;
  return (
    <Section title="Being said now">
      <Stack gap="sm">
        {speeches.map(([key, { run, thread, text }]) => (
          <div key={key}>
            <Text size="xs" c="dimmed" mb={4}>
              {state.agents.get(run)?.agent ?? "agent"}
              {thread === "main" ? "" : `, ${thread}`}
            </Text>
            <Block block={text} maxHeight={160} />
          </div>
        ))}
      </Stack>
    </Section>
  );
}
