import { v7 } from "uuid";
import type { Tx } from "../../../db/database.ts";
import { insertRun, type RunBudget } from "../../../db/queries/runs.ts";

/**
 * Runs as rows, already ended: no worker takes them up, and what a run holds or has been allowed can be tried by itself.
 * @returns their ids
 */
export async function storeRuns(
  tx: Tx,
  runs: readonly { ouId: string; requesterId: string; budget: RunBudget }[],
): Promise<string[]> {
  await tx.run(
    `insert into agent_definitions (id, organisation_id, name, version, digest, document) values ($1, $2, 'staged', 1, $3, '{}')
     on conflict (organisation_id, name, version) do nothing`,
    [v7(), tx.organisationId, "0".repeat(64)],
  );
  const definition = await tx.maybe<{ id: string }>("select id from agent_definitions where name = 'staged'");
  const ids: string[] = [];
  for (const { ouId, requesterId, budget } of runs) {
    const id = v7();
    await insertRun(tx, {
      id,
      parentRunId: null,
      rootRunId: id,
      traceId: id.replaceAll("-", ""),
      definitionId: definition?.id ?? "",
      agentId: "staged",
      roleId: "orchestrator",
      modelId: "claude-sonnet-5-5",
      ouId,
      requesterId,
      act: "",
      sid: "",
      pinned: {},
      models: {},
      input: {},
      inputSummary: "",
      budget,
      idempotencyKey: null,
      bodyDigest: "",
    });
    ids.push(id);
  }
  await tx.run("update agent_runs set status = 'completed', completed_at = clock_timestamp() where id = any ($1)", [
    ids,
  ]);
  return ids;
}

/** What an approval in a run would leave behind: its agent may write files again, for so many seconds. */
export async function storeElevation(tx: Tx, runId: string, seconds = 600): Promise<string> {
  const id = v7();
  await tx.run(
    `insert into elevations (id, organisation_id, root_run_id, agent_id, tool_name, context_hash, context, approval_id,
       granted_at, expires_at)
     values ($1, $2, $3, 'staged', 'write_file', 'hash', '{"path": "notes"}', $4, clock_timestamp(),
       clock_timestamp() + make_interval(secs => $5))`,
    [id, tx.organisationId, runId, `perm_${id}`, seconds],
  );
  return id;
}
