import { z } from "zod";
import { agentDetailView } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { changedAgent } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { needsForMetaAccess, requireAgent, requireMcpServer, scopeOf } from "./lookups.ts";
import { requireReachable } from "./reachable.ts";

export const attachMcpServer = defineOperation({
  name: "agent.attach_mcp_server",
  summary: "Attach a registered MCP server to an agent",
  permission: "agent:attach_mcp_server",
  risk: "medium",
  delegable: true,
  authorityLock: "share",
  http: { method: "POST", path: "/agents/:agent_id/mcp-servers", status: 201 },
  command: "agents attach-mcp-server",
  readPermission: "agent:read",
  input: z.object({
    agent_id: z.uuid(),
    mcp_server_id: z.uuid(),
    permission_policy: z
      .enum(["always_allow", "always_ask"])
      .default("always_allow")
      .describe("always_ask: every tool call of this server waits for an approver"),
  }),
  output: agentDetailView,

  async preview(context, input) {
    const agent = await requireAgent(context, input.agent_id);
    const server = await requireMcpServer(context.tx, input.mcp_server_id);
    await requireReachable(context, server, agent, "mcp_server:read");
    if (agent.servers.some((entry) => entry.mcp_server_id === server.id))
      throw new PowerloomError("conflict", `MCP server \`${server.name}\` is already attached to this agent.`, {
        pointer: "/mcp_server_id",
      });
    if (agent.servers.some((entry) => entry.name === server.name))
      throw new PowerloomError("conflict", `Another MCP server named \`${server.name}\` is attached to this agent.`, {
        pointer: "/mcp_server_id",
      });
    // 20 servers is the provider's limit for one agent.
    if (agent.servers.length >= 20)
      throw new PowerloomError("conflict", "An agent has at most 20 MCP servers.", { pointer: "/mcp_server_id" });
    return {
      ou: scopeOf(agent),
      target: { type: "agent", id: agent.id },
      targetVersion: agent.generation,
      plan: { mcpServerId: server.id, url: server.url, permissionPolicy: input.permission_policy },
      before: { mcp_servers: agent.servers.map((entry) => entry.name) },
      after: {
        mcp_servers: [...agent.servers.map((entry) => entry.name), server.name],
        url: server.url,
        permission_policy: input.permission_policy,
      },
      summary: `Attach MCP server ${server.name} (${server.url}) to agent ${agent.name} in ${agent.ou_path}`,
      alsoNeeds: needsForMetaAccess(agent, server),
    };
  },

  async apply({ tx }, { agent_id }, { plan }) {
    await tx.run(
      `insert into agent_mcp_servers (organisation_id, agent_id, mcp_server_id, permission_policy) values ($1, $2, $3, $4)`,
      [tx.organisationId, agent_id, plan.mcpServerId, plan.permissionPolicy],
    );
    return {
      target: { type: "attachment", id: `${agent_id}/${plan.mcpServerId}` },
      result: await changedAgent(tx, agent_id),
      reconcile: [agent_id],
    };
  },
});
