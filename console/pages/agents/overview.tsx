import { Stack, Text } from "@mantine/core";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Text as Block } from "../../parts/value.tsx";
import type { Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { Talk } from "./talk.tsx";

/** What an agent is, and a place to begin talking to it. */
export function Overview({ agent }: { agent: Shown["AgentState"] }) {
  const may = useMay();
  const { mcp_servers: servers, skills } = agent.attachments;
  return (
    <Stack>
      {may("agent:invoke", agent.ou_path) ? <Talk agent={agent} /> : null}
      <Section title="What it is">
        <Facts
          facts={[
            ["Description", agent.description || "–"],
            ["Model", agent.model],
            ["MCP servers", servers.map(({ name }) => name).join(", ") || "none"],
            ["Skills", skills.map(({ name, version }) => `${name} (version ${version})`).join(", ") || "none"],
            ["Owner", agent.owner_email],
            ["Unit", agent.ou_path],
            ["Id", agent.id],
            ["Created", <Moment key="created" at={agent.created_at} absolute />],
            ["Changed", <Moment key="updated" at={agent.updated_at} />],
          ]}
        />
      </Section>
      <Section title="System prompt">
        {agent.system_prompt === "" ? (
          <Text size="sm" c="dimmed">
            It has none.
          </Text>
        ) : (
          <Block block={agent.system_prompt} />
        )}
      </Section>
    </Stack>
  );
}
