import { z } from "zod";
import { touchAgent } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { requireMcpServer, scopeOf } from "./lookups.ts";
import { deletionView } from "./results.ts";
import { revokeBearers } from "./revoke-bearers.ts";

export const removeMcpServer = defineOperation({
  name: "mcp_server.remove",
  summary: "Remove an MCP server's registration: every bearer for it stops working, every agent loses it",
  permission: "mcp_server:remove",
  risk: "high",
  delegable: false,
  authorityLock: "share",
  http: { method: "DELETE", path: "/mcp-servers/:mcp_server_id", status: 200 },
  command: "mcp-servers remove",
  readPermission: "mcp_server:read",
  input: z.object({ mcp_server_id: z.uuid() }),
  output: deletionView,

  async preview({ tx, authorise }, input) {
    const server = await requireMcpServer(tx, input.mcp_server_id);
    await authorise(scopeOf(server));
    const users = await tx.rows<{ name: string }>(
      `select a.name from agent_mcp_servers x join agents a on a.id = x.agent_id and a.deleted_at is null
        where x.mcp_server_id = $1 order by a.name`,
      [server.id],
    );
    return {
      ou: scopeOf(server),
      target: { type: "mcp_server", id: server.id },
      targetVersion: null,
      plan: {},
      before: { name: server.name, url: server.url, ou: server.ou_path, used_by: users.map((agent) => agent.name) },
      after: null,
      summary: `Remove MCP server ${server.name} from ${server.ou_path}; ${users.length} agents use it`,
      alsoNeeds:
        server.deployment === "shared" ? [{ permission: "organisation:administer" as const, ou: scopeOf(server) }] : [],
    };
  },

  async apply({ tx, now }, { mcp_server_id }) {
    await tx.run("update mcp_servers set removed_at = $2 where id = $1", [mcp_server_id, now]);
    const revoked = await revokeBearers(tx, { mcpServerId: mcp_server_id }, now);
    const attached = await tx.rows<{ agent_id: string }>(
      "delete from agent_mcp_servers where mcp_server_id = $1 returning agent_id",
      [mcp_server_id],
    );
    for (const { agent_id } of attached) await touchAgent(tx, agent_id);
    return {
      target: { type: "mcp_server", id: mcp_server_id },
      result: { id: mcp_server_id, deleted: true },
      reconcile: attached.map(({ agent_id }) => agent_id),
      deleted: [mcp_server_id, ...revoked, ...attached.map(({ agent_id }) => `${agent_id}/${mcp_server_id}`)],
    };
  },
});
