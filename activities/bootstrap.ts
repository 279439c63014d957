import { heartbeat } from "@temporalio/activity";
import { v7 } from "uuid";
import { digestOf } from "../core/canonical.ts";
import { type AgentId, type OperationId, type OrganisationId, workflowIds } from "../core/ids.ts";
import { metaAgentName, metaSystemPrompt } from "../core/meta-agent.ts";
import { defaultMetaModel } from "../core/models.ts";
import type { Tx } from "../db/database.ts";
import { type AgentRow, agentSelect } from "../db/queries/agents.ts";
import { type McpServerRow, mcpServerSelect } from "../db/queries/mcp-servers.ts";
import { recordIntent } from "../db/queries/operations.ts";
import { findOu } from "../db/queries/ous.ts";
import { findOperation } from "../operations/registry.ts";
import type { ActivityDeps } from "./deps.ts";

export type BootstrapActivities = ReturnType<typeof createBootstrapActivities>;

interface BootstrapInput {
  ou: string;
  name?: string;
  display_name?: string;
  model?: string;
  system_prompt?: string;
}

export type BootstrapStep =
  | { kind: "operation"; what: string; operationId: OperationId; workflowId: string }
  | { kind: "wait"; what: string }
  | { kind: "ready" }
  | { kind: "failed"; reason: string };

/** What `bootstrap` may do. Each step is found from what exists, so that twice, or after a crash, makes nothing twice. */
export function createBootstrapActivities(deps: ActivityDeps & { mcpPublicUrl: string }) {
  const { db } = deps;

  async function intend(
    tx: Tx,
    principalId: string,
    what: string,
    name: string,
    fields: Record<string, unknown>,
  ): Promise<BootstrapStep> {
    const operation = findOperation(name);
    if (operation === undefined) throw new Error(`no operation ${name}`);
    const input = operation.input.parse(fields);
    const now = deps.now();
    const expiresAt = new Date(now.getTime() + 600_000);
    const { row } = await recordIntent(
      tx,
      {
        id: `req_${v7().replaceAll("-", "")}`,
        name,
        sub: principalId,
        act: "",
        sid: "",
        idempotencyKey: `bootstrap:${digestOf({ name, input }).slice(0, 32)}`,
        keyExpiresAt: expiresAt,
        bodyDigest: digestOf({ name, input }),
        input,
        ifMatch: null,
        expiresAt,
      },
      now,
    );
    if (row.status === "denied" || row.status === "cancelled")
      return { kind: "failed", reason: `${what}: ${row.status} (${row.reason ?? "no reason given"})` };
    return {
      kind: "operation",
      what,
      operationId: row.id as OperationId,
      workflowId: workflowIds.provision(name, row.id),
    };
  }

  return {
    /** The next thing to do, from what exists now. */
    async nextBootstrapStep({ organisationId }: { organisationId: OrganisationId }): Promise<BootstrapStep> {
      return db.inOrganisation(organisationId, async (tx) => {
        const asked = await tx.maybe<{ principal_id: string; input: BootstrapInput }>(
          "select principal_id, input from bootstraps",
        );
        if (asked === undefined) return { kind: "failed", reason: "nobody asked for it" };
        const { principal_id: principalId, input } = asked;
        const name = input.name ?? metaAgentName;
        const ou = await findOu(tx, input.ou);
        if (ou === undefined) return { kind: "failed", reason: `No OU found at \`${input.ou}\`.` };

        const server = await tx.maybe<McpServerRow>(
          `${mcpServerSelect} where m.removed_at is null and m.deployment = 'shared' and m.name = $1 and m.ou_id = $2`,
          [name, ou.id],
        );
        if (server === undefined)
          return intend(tx, principalId, "register the powerloom_meta server", "mcp_server.register", {
            name,
            ou: ou.path,
            url: deps.mcpPublicUrl,
            display_name: input.display_name ?? "Powerloom Meta",
            description: "The control plane itself: eleven tools to look up, create and wire agents",
            deployment: "shared",
          });
        if (server.url !== deps.mcpPublicUrl)
          return {
            kind: "failed",
            reason: `\`${name}\` is registered at ${server.url}, this deployment is ${deps.mcpPublicUrl}: remove it first.`,
          };

        const agent = await tx.maybe<AgentRow>(
          `${agentSelect} where a.deleted_at is null and a.name = $1 and a.ou_id = $2`,
          [name, ou.id],
        );
        if (agent === undefined)
          return intend(tx, principalId, "create the meta-agent", "agent.create", {
            name,
            ou: ou.path,
            display_name: input.display_name ?? "Powerloom Meta",
            description: "Provisions governed agents from a conversation, with the rights of the person it talks to",
            kind: "user",
            model: input.model ?? defaultMetaModel,
            system_prompt: input.system_prompt ?? metaSystemPrompt,
          });
        if (!agent.servers.some((entry) => entry.mcp_server_id === server.id))
          return intend(tx, principalId, "attach the server to the agent", "agent.attach_mcp_server", {
            agent_id: agent.id,
            mcp_server_id: server.id,
          });
        const credential = await tx.maybe(
          "select from credentials where agent_id = $1 and mcp_server_id = $2 and revoked_at is null",
          [agent.id, server.id],
        );
        if (credential === undefined)
          return intend(tx, principalId, "mint the credential", "credential.create", {
            agent_id: agent.id,
            mcp_server_id: server.id,
          });
        if (server.health !== "healthy") return { kind: "wait", what: "the MCP server's health" };
        if (agent.sync_state !== "synced") {
          deps.reconcileQueue.atOnce({ organisationId, agentId: agent.id as AgentId });
          return { kind: "wait", what: "the provider" };
        }
        return { kind: "ready" };
      });
    },

    /** Asks the shared MCP server whether it is well, and writes the answer on its registration. */
    async checkMetaHealth({ organisationId }: { organisationId: OrganisationId }): Promise<boolean> {
      const url = new URL(deps.mcpPublicUrl);
      const healthy = await fetch(`${url.origin}/healthz`, { signal: AbortSignal.timeout(2_000) }).then(
        (response) => response.ok,
        () => false,
      );
      heartbeat();
      await db.inOrganisation(organisationId, (tx) =>
        tx.run("update mcp_servers set health = $2 where url = $1 and deployment = 'shared' and removed_at is null", [
          deps.mcpPublicUrl,
          healthy ? "healthy" : "unhealthy",
        ]),
      );
      return healthy;
    },

    /** Writes down how far it is, for whoever asked. */
    async recordBootstrap({
      organisationId,
      status,
      steps,
      reason,
    }: {
      organisationId: OrganisationId;
      status: "running" | "ready" | "failed";
      steps: string[];
      reason: string | null;
    }): Promise<void> {
      await db.inOrganisation(organisationId, (tx) =>
        // An attempt that comes late does not open again what has ended.
        tx.run(
          "update bootstraps set status = $1, steps = $2, problem = $3 where status = 'running' or $1 <> 'running'",
          [status, JSON.stringify(steps), reason === null ? null : JSON.stringify({ detail: reason })],
        ),
      );
    },
  };
}
