import { z } from "zod";
import { agentDetailView } from "../contracts/views.ts";
import { changedAgent } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { missing, needsForMetaAccess, requireAgent, scopeOf } from "./lookups.ts";
import { revokeBearers } from "./revoke-bearers.ts";

export const detachMcpServer = defineOperation({
  name: "agent.detach_mcp_server",
  summary: "Detach an MCP server from an agent and revoke its credentials",
  permission: "agent:attach_mcp_server",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "DELETE", path: "/agents/:agent_id/mcp-servers/:mcp_server_id", status: 200 },
  command: "agents detach-mcp-server",
  readPermission: "agent:read",
  input: z.object({ agent_id: z.uuid(), mcp_server_id: z.uuid() }),
  output: agentDetailView,

  async preview(context, input) {
    const agent = await requireAgent(context, input.agent_id);
    const attached = agent.servers.find((entry) => entry.mcp_server_id === input.mcp_server_id);
    if (attached === undefined)
      throw missing(
        `MCP server \`${input.mcp_server_id}\` is not attached to agent \`${agent.name}\`.`,
        "mcp_server_id",
      );
    return {
      ou: scopeOf(agent),
      target: { type: "agent", id: agent.id },
      targetVersion: agent.generation,
      plan: {},
      before: { mcp_servers: agent.servers.map((entry) => entry.name) },
      after: { mcp_servers: agent.servers.filter((entry) => entry !== attached).map((entry) => entry.name) },
      summary: `Detach MCP server ${attached.name} from agent ${agent.name} in ${agent.ou_path}`,
      alsoNeeds: needsForMetaAccess(agent),
    };
  },

  async apply({ tx, now }, { agent_id, mcp_server_id }) {
    await tx.run("delete from agent_mcp_servers where agent_id = $1 and mcp_server_id = $2", [agent_id, mcp_server_id]);
    const revoked = await revokeBearers(tx, { agentId: agent_id, mcpServerId: mcp_server_id }, now);
    return {
      target: { type: "attachment", id: `${agent_id}/${mcp_server_id}` },
      result: await changedAgent(tx, agent_id),
      reconcile: [agent_id],
      takesAway: true,
      deleted: [`${agent_id}/${mcp_server_id}`, ...revoked],
    };
  },
});
