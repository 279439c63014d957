import { Text } from "@mantine/core";
import { Section } from "../../parts/section.tsx";
import { ShortList } from "../../parts/short-list.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api } from "../../wire/client.ts";

/** Agents that the provider does not hold as they should be. */
export function OutOfSync() {
  const failed = $api.useQuery("get", "/agents", { params: { query: { sync_state: "error", limit: 5 } } });
  const pending = $api.useQuery("get", "/agents", { params: { query: { sync_state: "pending", limit: 5 } } });
  return (
    <Section title="Out of sync">
      <Loaded query={failed} lines={2}>
        {({ data }) => {
          const agents = [...data, ...(pending.data?.data ?? [])].slice(0, 6);
          if (agents.length === 0)
            return (
              <Text size="sm" c="dimmed">
                Every agent is as the provider has it.
              </Text>
            );
          return (
            <ShortList
              items={agents.map((agent) => ({
                key: agent.id,
                to: `/agents/${agent.id}`,
                title: agent.display_name,
                note: agent.ou_path,
                right: <Status value={agent.sync_state} />,
              }))}
            />
          );
        }}
      </Loaded>
    </Section>
  );
}
