import { Stack, Text } from "@mantine/core";
import { Facts } from "../../parts/facts.tsx";
import { Section } from "../../parts/section.tsx";
import { Status } from "../../parts/status.tsx";
import { Text as Block, textOf } from "../../parts/value.tsx";
import type { Shown } from "../../wire/client.ts";

/** Whether the provider has an agent as it should be, and what stands in the way. */
export function Sync({ agent }: { agent: Shown["AgentDetail"] }) {
  return (
    <Stack>
      <Section title="At the provider">
        <Facts
          facts={[
            ["State", <Status key="state" value={agent.sync_state} />],
            ["Wanted", `generation ${agent.generation}`],
            ["Pushed", agent.synced_generation === 0 ? "nothing yet" : `generation ${agent.synced_generation}`],
            ["Provider's id", agent.cma_agent_id ?? "none yet"],
            ["Provider's version", agent.cma_agent_version ?? "–"],
          ]}
        />
      </Section>
      {agent.sync_error === null ? null : (
        <Section title="What the provider said">
          <Block block={textOf(agent.sync_error)} />
        </Section>
      )}
      {agent.sync_state === "pending" ? (
        <Text size="sm" c="dimmed">
          The reconciler pushes what has changed within a few seconds.
        </Text>
      ) : null}
    </Stack>
  );
}
