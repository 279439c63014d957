import type { Client } from "@temporalio/client";
import type { Logger } from "pino";
import { type AgentId, type OrganisationId, type RunId, type SessionId, workflowIds } from "../core/ids.ts";
import type { Database } from "../db/database.ts";
import { lookAgain, taskQueues, workflowTaskTimeout } from "../workflows/messages.ts";
import { initialAttributes, nudgeRun, nudgeSession, signalLookAgain } from "./nudge.ts";
import type { ReconcileQueue } from "./reconcile-queue.ts";

const everyMs = 1_000;
const atMost = 200;

interface SweepDeps {
  db: Database;
  temporal: Client;
  reconcileQueue: ReconcileQueue;
  log: Logger;
}

/**
 * Every second: starts intents that nobody started, signals decisions that nobody acted on, wakes the reconciler of agents
 * that changed and sessions whose commands wait. One worker at a time does it (advisory lock); a lost start or signal so costs a few seconds and no polling workflow.
 * @returns stops it and waits for the round in progress
 */
export function startSweeps(deps: SweepDeps): () => Promise<void> {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  const schedule = () => {
    timer = setTimeout(() => {
      round = sweep(deps)
        .catch((error: unknown) => deps.log.warn({ err: error }, "a sweep failed"))
        .then(() => {
          if (!stopped) schedule();
        });
    }, everyMs);
  };
  schedule();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await round;
  };
}

async function sweep({ db, temporal, reconcileQueue, log }: SweepDeps): Promise<void> {
  // One row that cannot be helped must not keep the others waiting, nor may a Temporal that hangs keep the lock.
  const attempt = async (id: string, body: () => Promise<void>): Promise<void> => {
    try {
      await temporal.connection.withDeadline(Date.now() + 5_000, body);
    } catch (error) {
      log.warn({ err: error, id }, "a sweep could not wake this one");
    }
  };
  const client = await db.pool.connect();
  try {
    const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_lock(7240518) as locked");
    if (rows[0]?.locked !== true) return;
    try {
      const operations = await client.query<{ organisation_id: string; id: string; name: string }>(
        "select * from stale_operations('2 seconds', $1)",
        [atMost],
      );
      for (const row of operations.rows) {
        log.info({ operation: row.id }, "starting an intent nobody started");
        await attempt(row.id, () => startProvision(temporal, row));
      }
      const decisions = await client.query<{ organisation_id: string; id: string; workflow_id: string }>(
        "select * from unconsumed_decisions('2 seconds', $1)",
        [atMost],
      );
      for (const row of decisions.rows) await attempt(row.id, () => wakeWaiting(temporal, row));
      const agents = await client.query<{ organisation_id: OrganisationId; id: AgentId }>(
        "select * from unreconciled_agents('2 seconds', $1)",
        [atMost],
      );
      for (const row of agents.rows) reconcileQueue.want({ organisationId: row.organisation_id, agentId: row.id });
      const sessions = await client.query<{ organisation_id: OrganisationId; id: SessionId }>(
        "select * from unattended_sessions('2 seconds', $1)",
        [atMost],
      );
      for (const row of sessions.rows)
        await attempt(row.id, () => nudgeSession(temporal, { organisationId: row.organisation_id, sessionId: row.id }));
      const runs = await client.query<{ organisation_id: OrganisationId; id: RunId; to_start: boolean }>(
        "select * from unattended_runs('2 seconds', $1)",
        [atMost],
      );
      for (const row of runs.rows)
        await attempt(row.id, () =>
          row.to_start
            ? nudgeRun(temporal, { organisationId: row.organisation_id, runId: row.id })
            : signalLookAgain(temporal, workflowIds.agentRun(row.id)),
        );
    } finally {
      await client.query("select pg_advisory_unlock(7240518)");
    }
  } finally {
    client.release();
  }
}

/** Wakes what waits for a decision. A workflow that is gone (somebody terminated it) is started again: the row is the truth. */
async function wakeWaiting(
  temporal: Client,
  row: { organisation_id: string; id: string; workflow_id: string },
): Promise<void> {
  const [kind, operation] = row.workflow_id.split(":");
  if (kind === "run") return signalLookAgain(temporal, row.workflow_id);
  if (kind === "provision")
    await temporal.workflow.signalWithStart("provision", {
      ...provisionOptions({ ...row, name: operation ?? "" }),
      signal: lookAgain,
    });
  else
    await nudgeSession(temporal, {
      organisationId: row.organisation_id as OrganisationId,
      sessionId: operation as SessionId,
    });
}

function provisionOptions(row: { organisation_id: string; id: string; name: string }) {
  return {
    workflowId: workflowIds.provision(row.name, row.id),
    taskQueue: taskQueues.main,
    args: [{ organisationId: row.organisation_id, operationId: row.id }] as [unknown],
    workflowTaskTimeout,
    typedSearchAttributes: initialAttributes(row.organisation_id, row.name),
    staticSummary: `${row.name} ${row.id}`,
  };
}

async function startProvision(
  temporal: Client,
  row: { organisation_id: string; id: string; name: string },
): Promise<void> {
  await temporal.workflow
    .start("provision", {
      ...provisionOptions(row),
      workflowIdConflictPolicy: "USE_EXISTING",
      // A workflow that closed although its row is still `received` has failed: it may be run again, the row decides.
      workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
    })
    .catch((error: unknown) => {
      if (!(error instanceof Error && error.name === "WorkflowExecutionAlreadyStartedError")) throw error;
    });
}
