import { Anchor, Button, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ComponentProps, useState } from "react";
import { DataTable } from "../../parts/data-table.tsx";
import { Section } from "../../parts/section.tsx";
import type { Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { OperationModal } from "./operation-modal.tsx";

type Asked = Omit<ComponentProps<typeof OperationModal>, "onClose" | "onApplied">;

/** What an agent can use: MCP servers and skills, and the ways to attach and detach them. */
export function Attachments({ agent }: { agent: Shown["AgentState"] }) {
  const may = useMay();
  const [asked, setAsked] = useState<Asked>();
  const { mcp_servers: servers, skills } = agent.attachments;
  const here = (permission: string) => may(permission, agent.ou_path);
  const detach = (operation: string, what: string, fixed: Record<string, string>) => (
    <Button
      size="compact-xs"
      variant="light"
      color="red"
      aria-label={`Detach ${what}`}
      onClick={() =>
        setAsked({
          title: `Detach ${what}?`,
          operation,
          submitLabel: "Detach",
          danger: true,
          fixed: { agent_id: agent.id, ...fixed },
        })
      }
    >
      Detach
    </Button>
  );
  return (
    <Stack>
      <Section
        title="MCP servers"
        actions={
          here("agent:attach_mcp_server") ? (
            <Button
              size="xs"
              variant="default"
              onClick={() =>
                setAsked({
                  title: "Attach an MCP server",
                  operation: "agent.attach_mcp_server",
                  submitLabel: "Attach",
                  fixed: { agent_id: agent.id },
                })
              }
            >
              Attach an MCP server
            </Button>
          ) : undefined
        }
      >
        {servers.length === 0 ? (
          <Nothing>It can use no MCP server.</Nothing>
        ) : (
          <DataTable
            label="Attached MCP servers"
            rows={servers}
            rowKey={({ mcp_server_id: id }) => id}
            columns={[
              {
                title: "Name",
                cell: ({ mcp_server_id: id, name }) => (
                  <Anchor component={Link} to={`/mcp-servers/${id}`} inherit>
                    {name}
                  </Anchor>
                ),
              },
              { title: "Address", cell: ({ url }) => url },
              {
                title: "Calls",
                cell: ({ permission_policy: policy }) =>
                  policy === "always_ask" ? "each waits for an approver" : "run at once",
              },
              ...(here("agent:attach_mcp_server")
                ? [
                    {
                      title: "Change",
                      cell: ({ mcp_server_id, name }: (typeof servers)[number]) =>
                        detach("agent.detach_mcp_server", name, { mcp_server_id }),
                    },
                  ]
                : []),
            ]}
          />
        )}
      </Section>
      <Section
        title="Skills"
        actions={
          here("agent:attach_skill") ? (
            <Button
              size="xs"
              variant="default"
              onClick={() =>
                setAsked({
                  title: "Attach a skill",
                  operation: "agent.attach_skill",
                  submitLabel: "Attach",
                  fixed: { agent_id: agent.id },
                })
              }
            >
              Attach a skill
            </Button>
          ) : undefined
        }
      >
        {skills.length === 0 ? (
          <Nothing>It has no skill.</Nothing>
        ) : (
          <DataTable
            label="Attached skills"
            rows={skills}
            rowKey={({ skill_id: id }) => id}
            columns={[
              {
                title: "Name",
                cell: ({ skill_id: id, name }) => (
                  <Anchor component={Link} to={`/skills/${id}`} inherit>
                    {name}
                  </Anchor>
                ),
              },
              { title: "Version", align: "right", cell: ({ version }) => version },
              ...(here("agent:attach_skill")
                ? [
                    {
                      title: "Change",
                      cell: ({ skill_id, name }: (typeof skills)[number]) =>
                        detach("agent.detach_skill", name, { skill_id }),
                    },
                  ]
                : []),
            ]}
          />
        )}
      </Section>
      {asked === undefined ? null : (
        <OperationModal {...asked} onClose={() => setAsked(undefined)} onApplied={() => undefined} />
      )}
    </Stack>
  );
}

function Nothing({ children }: { children: string }) {
  return (
    <Text size="sm" c="dimmed">
      {children}
    </Text>
  );
}
