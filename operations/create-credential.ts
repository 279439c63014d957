import { z } from "zod";
import { credentialView } from "../contracts/views.ts";
import { hashToken, mintToken } from "../core/bearer.ts";
import { PowerloomError } from "../core/errors.ts";
import { type CredentialRow, credentialSelect, credentialToView } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { missing, needsForMetaAccess, requireAgent, requireMcpServer, scopeOf } from "./lookups.ts";

const ninetyDays = 90 * 24 * 3600;

export const createCredential = defineOperation({
  name: "credential.create",
  summary: "Mint the bearer with which an agent reaches an attached MCP server",
  permission: "credential:create",
  risk: "high",
  delegable: true,
  authorityLock: "share",
  http: { method: "POST", path: "/agents/:agent_id/credentials", status: 201 },
  command: "credentials create",
  readPermission: "agent:read",
  input: z.object({
    agent_id: z.uuid(),
    mcp_server_id: z.uuid(),
    expires_in_seconds: z
      .int()
      .min(60)
      .max(366 * 24 * 3600)
      .default(ninetyDays),
  }),
  output: credentialView,

  async preview(context, input) {
    const agent = await requireAgent(context, input.agent_id);
    const server = await requireMcpServer(context.tx, input.mcp_server_id);
    if (!agent.servers.some((entry) => entry.mcp_server_id === server.id))
      throw missing(
        `MCP server \`${server.name}\` is not attached to agent \`${agent.name}\`: attach it first.`,
        "mcp_server_id",
      );
    const existing = await context.tx.maybe<{ id: string }>(
      `select id from credentials where agent_id = $1 and mcp_server_id = $2 and revoked_at is null
         and (expires_at is null or expires_at > $3)`,
      [agent.id, server.id, context.now],
    );
    if (existing !== undefined)
      throw new PowerloomError("conflict", `Agent \`${agent.name}\` already has a credential for \`${server.name}\`.`, {
        existing_id: existing.id,
      });
    const kind = server.deployment === "shared" ? ("session_bound" as const) : ("static" as const);
    return {
      ou: scopeOf(agent),
      target: { type: "agent", id: agent.id },
      // A credential does not depend on the agent's texts: a new prompt must not make its approval stale.
      targetVersion: null,
      plan: { kind, expiresInSeconds: kind === "static" ? input.expires_in_seconds : null },
      before: null,
      after: { agent: agent.name, mcp_server: server.name, url: server.url, kind },
      summary: `Mint a credential for agent ${agent.name} at MCP server ${server.name}`,
      alsoNeeds: needsForMetaAccess(agent, server),
    };
  },

  async apply({ tx, newId, now, principalId, seal }, { agent_id, mcp_server_id }, { plan }) {
    const id = newId();
    const bearer = plan.kind === "static" ? mintToken("plc") : null;
    const expiresAt = plan.expiresInSeconds === null ? null : new Date(now.getTime() + plan.expiresInSeconds * 1000);
    // An expired one still occupies its place as the active one.
    await tx.run(
      `update credentials set revoked_at = $3, sealed_bearer = null
        where agent_id = $1 and mcp_server_id = $2 and revoked_at is null and expires_at <= $3`,
      [agent_id, mcp_server_id, now],
    );
    await tx.run(
      `insert into credentials (id, organisation_id, agent_id, mcp_server_id, kind, bearer_hash, sealed_bearer, expires_at, created_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        id,
        tx.organisationId,
        agent_id,
        mcp_server_id,
        plan.kind,
        bearer === null ? null : hashToken(bearer),
        bearer === null ? null : seal(bearer),
        expiresAt,
        principalId,
      ],
    );
    const row = await tx.maybe<CredentialRow>(`${credentialSelect} where c.id = $1`, [id]);
    if (row === undefined) throw new Error("the credential just created cannot be read");
    return {
      target: { type: "credential", id },
      result: credentialToView(row),
      ...(bearer === null ? {} : { secret: { secret: bearer } }),
    };
  },
});
