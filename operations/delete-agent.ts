import { z } from "zod";
import { defineOperation } from "./declaration.ts";
import { needsForMetaAccess, requireAgent, scopeOf } from "./lookups.ts";
import { deletionView } from "./results.ts";

export const deleteAgent = defineOperation({
  name: "agent.delete",
  summary: "Delete an agent: its sessions end, its credentials are revoked, then it is archived at the provider",
  permission: "agent:delete",
  risk: "high",
  delegable: false,
  authorityLock: "share",
  http: { method: "DELETE", path: "/agents/:agent_id", status: 200 },
  command: "agents delete",
  readPermission: "agent:read",
  input: z.object({ agent_id: z.uuid() }),
  output: deletionView,

  async preview(context, input) {
    const agent = await requireAgent(context, input.agent_id);
    return {
      ou: scopeOf(agent),
      target: { type: "agent", id: agent.id },
      targetVersion: agent.generation,
      plan: {
        used: [...agent.servers.map((entry) => entry.mcp_server_id), ...agent.skills.map((entry) => entry.skill_id)],
      },
      before: { name: agent.name, ou: agent.ou_path, owner: agent.owner_email, model: agent.model },
      after: null,
      summary: `Delete agent ${agent.name} in ${agent.ou_path}`,
      alsoNeeds: needsForMetaAccess(agent),
    };
  },

  async apply({ tx, now }, { agent_id }, { plan }) {
    await tx.run(
      `update agents set deleted_at = $2, generation = generation + 1, sync_state = 'pending', updated_at = $2 where id = $1`,
      [agent_id, now],
    );
    const revoked = await tx.rows<{ id: string }>(
      "update credentials set revoked_at = $2, sealed_bearer = null where agent_id = $1 and revoked_at is null returning id",
      [agent_id, now],
    );
    await tx.run(
      `update session_bearers set revoked_at = $2, sealed_bearer = null where agent_id = $1 and revoked_at is null`,
      [agent_id, now],
    );
    return {
      target: { type: "agent", id: agent_id },
      result: { id: agent_id, deleted: true },
      reconcile: [agent_id],
      takesAway: true,
      deleted: [agent_id, ...plan.used.map((id) => `${agent_id}/${id}`), ...revoked.map((credential) => credential.id)],
    };
  },
});
