import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { Tx } from "../../db/database.ts";
import { insertRun, type RunBudget, type RunRow } from "../../db/queries/runs.ts";
import { summaryOf } from "./record.ts";

/**
 * Stores the run of a subagent: for the same person, at the same OU, through the same session, in the version that was
 * pinned and with the models that were chosen when the tree started.
 */
export async function insertChild(
  tx: Tx,
  run: RunRow,
  child: {
    id: string;
    agent: string;
    definition: AgentDefinition;
    input: Record<string, unknown>;
    budget: RunBudget;
    bodyDigest: string;
  },
): Promise<void> {
  const { id, agent, definition, input, budget, bodyDigest } = child;
  await insertRun(tx, {
    id,
    parentRunId: run.id,
    rootRunId: run.root_run_id,
    traceId: run.trace_id,
    definitionId: run.pinned[agent] ?? "",
    agentId: agent,
    roleId: definition.role,
    modelId: run.models[definition.role] ?? definition.role_bindings[definition.role] ?? run.model_id,
    ouId: run.ou_id,
    requesterId: run.requester_id,
    act: run.act,
    sid: run.sid,
    pinned: run.pinned,
    models: run.models,
    input,
    inputSummary: summaryOf(input),
    budget,
    idempotencyKey: null,
    bodyDigest,
  });
}
