import { z } from "zod";
import { type CredentialRow, credentialSelect, findAgent } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { missing, needsForMetaAccess, scopeOf } from "./lookups.ts";
import { deletionView } from "./results.ts";
import { revokeBearers } from "./revoke-bearers.ts";

export const revokeCredential = defineOperation({
  name: "credential.revoke",
  summary: "Revoke a credential: our introspection refuses it at once",
  permission: "credential:revoke",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "DELETE", path: "/credentials/:credential_id", status: 200 },
  command: "credentials revoke",
  readPermission: "agent:read",
  input: z.object({ credential_id: z.uuid() }),
  output: deletionView,

  async preview({ tx, authorise }, input) {
    const credential = await tx.maybe<CredentialRow>(`${credentialSelect} where c.id = $1 and c.revoked_at is null`, [
      input.credential_id,
    ]);
    const agent = credential === undefined ? undefined : await findAgent(tx, credential.agent_id);
    if (credential === undefined || agent === undefined)
      throw missing(`No credential in force found with id \`${input.credential_id}\`.`, "credential_id");
    await authorise(scopeOf(agent));
    return {
      ou: scopeOf(agent),
      target: { type: "credential", id: credential.id },
      targetVersion: null,
      plan: { agentId: agent.id, mcpServerId: credential.mcp_server_id },
      before: { agent: agent.name, mcp_server: credential.mcp_server_name, kind: credential.kind },
      after: null,
      summary: `Revoke the credential of agent ${agent.name} at MCP server ${credential.mcp_server_name}`,
      alsoNeeds: needsForMetaAccess(agent),
    };
  },

  async apply({ tx, now }, { credential_id }, { plan }) {
    await revokeBearers(tx, plan, now);
    return {
      target: { type: "credential", id: credential_id },
      result: { id: credential_id, deleted: true },
      deleted: [credential_id],
    };
  },
});
