import { Router } from "express";
import { z } from "zod";
import { displayName, longText, modelId, ouReference, slug } from "../../contracts/fields.ts";
import { PowerloomError } from "../../core/errors.ts";
import { workflowIds } from "../../core/ids.ts";
import { metaAgentName } from "../../core/meta-agent.ts";
import { type AgentRow, agentSelect, agentToView } from "../../db/queries/agents.ts";
import { type McpServerRow, mcpServerSelect, mcpServerToView } from "../../db/queries/mcp-servers.ts";
import { requirePermission } from "../../operations/execute.ts";
import { requireOu } from "../../operations/lookups.ts";
import { initialAttributes } from "../../temporal/nudge.ts";
import { taskQueues, workflowTaskTimeout } from "../../workflows/messages.ts";
import { callerOf, requireDelegable } from "../authenticate.ts";
import type { ApiDeps, Caller } from "../deps.ts";
import { parseInput } from "../problem.ts";

const waitMs = 45_000;

export const bootstrapInput = z.strictObject({
  ou: ouReference.describe("The OU where the meta-agent lives"),
  name: slug.default(metaAgentName),
  display_name: displayName.default("Powerloom Meta"),
  model: modelId.optional(),
  system_prompt: longText.min(1).optional(),
});

/** `POST /bootstrap`: makes the meta-agent, or finds it made; answers when it is ready or has failed, 202 before. */
export function bootstrapRoutes(deps: ApiDeps): Router {
  const router = Router();
  router.post("/bootstrap", async (req, res) => {
    res.locals["operation"] = "bootstrap";
    const caller = callerOf(res);
    requireDelegable(caller, "bootstrap", false);
    const input = parseInput(bootstrapInput, req.body ?? {});
    const requestedAt = deps.now();
    await deps.db.inOrganisation(caller.organisationId, async (tx) => {
      const ou = await requireOu(tx, input.ou);
      await requirePermission({ tx, now: requestedAt, principalId: caller.principalId }, "organisation:administer", ou);
      await tx.run(
        `insert into bootstraps (organisation_id, principal_id, input) values ($1, $2, $3)
         on conflict (organisation_id) do update
           set principal_id = excluded.principal_id, input = excluded.input, status = 'running', problem = null`,
        [tx.organisationId, caller.principalId, input],
      );
    });
    const handle = await deps.temporal.workflow.start("bootstrap", {
      workflowId: workflowIds.bootstrap(caller.organisationId),
      taskQueue: taskQueues.main,
      args: [{ organisationId: caller.organisationId }],
      workflowIdConflictPolicy: "USE_EXISTING",
      workflowTaskTimeout,
      typedSearchAttributes: initialAttributes(caller.organisationId, "bootstrap"),
      staticSummary: `Bootstrap the meta-agent in ${input.ou}`,
    });
    await Promise.race([
      handle.result().catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, waitMs).unref()),
    ]);
    const report = await describe(caller, input);
    if (report.status === "failed")
      throw new PowerloomError("conflict", `The bootstrap failed: ${report.reason ?? "no reason given"}`, { report });
    res.status(report.status === "ready" ? 200 : 202).json(report);
  });
  return router;

  function describe(caller: Caller, input: z.infer<typeof bootstrapInput>) {
    return deps.db.readOrganisation(caller.organisationId, async (tx) => {
      const row = await tx.maybe<{ status: string; steps: string[]; problem: { detail: string } | null }>(
        "select status, steps, problem from bootstraps",
      );
      const ou = await requireOu(tx, input.ou);
      const agent = await tx.maybe<AgentRow>(
        `${agentSelect} where a.deleted_at is null and a.name = $1 and a.ou_id = $2`,
        [input.name, ou.id],
      );
      const server = await tx.maybe<McpServerRow>(
        `${mcpServerSelect} where m.removed_at is null and m.name = $1 and m.ou_id = $2`,
        [input.name, ou.id],
      );
      return {
        status: row?.status ?? "running",
        reason: row?.problem?.detail ?? null,
        steps: row?.steps ?? [],
        health: server?.health ?? "unknown",
        agent: agent === undefined ? null : agentToView(agent),
        mcp_server: server === undefined ? null : mcpServerToView(server),
      };
    });
  }
}
