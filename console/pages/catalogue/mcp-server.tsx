import { Anchor, SimpleGrid, Text } from "@mantine/core";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { ShortList } from "../../parts/short-list.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";

/** One registered MCP server: where it is, how it does, and which agents use it. */
export function McpServer() {
  const { serverId } = useParams({ from: "/shell/mcp-servers/$serverId" });
  const query = $api.useQuery("get", "/mcp-servers/{mcp_server_id}", { params: { path: { mcp_server_id: serverId } } });
  const may = useMay();
  const navigate = useNavigate();
  const server = query.data;
  return (
    <Page
      title={server?.display_name ?? "MCP server"}
      subtitle={server === undefined ? undefined : `${server.name} in ${server.ou_path}`}
      above={
        <Anchor component={Link} to="/mcp-servers" inherit>
          MCP servers
        </Anchor>
      }
      actions={
        server !== undefined && may("mcp_server:remove", server.ou_path) ? (
          <OperationButton
            label="Remove"
            title={`Remove ${server.display_name}`}
            explanation="No agent can use it from then on; credentials for it stop working."
            operation="mcp_server.remove"
            submitLabel="Remove it"
            fixed={{ mcp_server_id: server.id }}
            danger
            button={{ variant: "default" }}
            onApplied={() => void navigate({ to: "/mcp-servers" })}
          />
        ) : null
      }
    >
      <Loaded query={query}>
        {(known) => (
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
            <Section title="About">
              <Facts
                facts={[
                  ["URL", known.url],
                  ["Health", <Status value={known.health} key="health" />],
                  ["Unit", known.ou_path],
                  ["Description", known.description || "–"],
                  [
                    "Deployment",
                    known.deployment === "shared" ? "shared: Powerloom's own" : "external: somewhere else",
                  ],
                  ["Registered", <Moment at={known.created_at} key="registered" />],
                  ["Client id", known.id],
                ]}
              />
            </Section>
            {may("agent:read") ? <UsedBy serverId={known.id} /> : null}
          </SimpleGrid>
        )}
      </Loaded>
    </Page>
  );
}

function UsedBy({ serverId }: { serverId: string }) {
  const query = $api.useQuery("get", "/agents", { params: { query: { mcp_server: serverId, limit: 50 } } });
  return (
    <Section title="Used by">
      <Loaded query={query} lines={2}>
        {({ data }) =>
          data.length === 0 ? (
            <Text size="sm" c="dimmed">
              No agent that you may see.
            </Text>
          ) : (
            <ShortList
              items={data.map((agent) => ({
                key: agent.id,
                to: `/agents/${agent.id}`,
                title: agent.display_name,
                note: agent.ou_path,
                right: <Status value={agent.sync_state} />,
              }))}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
