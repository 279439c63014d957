import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { type RunRef, workflowIds } from "../../core/ids.ts";
import type { RunDeps } from "./deps.ts";
import { finishRun } from "./finish-run.ts";

/** Runs looked at in one sweep: each costs a question to Temporal of a few milliseconds. */
const atMost = 500;

/**
 * Ends runs that are open although their workflow is not there any more: somebody terminated it, which leaves it no time to
 * end its run itself. Whatever the workflow would have done last is done here. A run that ends by itself meanwhile stays as
 * it ended.
 * @param olderThanSeconds runs that have begun later are left alone
 * @returns how many were ended
 */
export async function endAbandonedRuns(
  deps: RunDeps,
  { olderThanSeconds }: { olderThanSeconds: number },
): Promise<number> {
  const open = await deps.db.anywhere.rows<{
    organisation_id: RunRef["organisationId"];
    id: RunRef["runId"];
  }>("select organisation_id, id from begun_runs(make_interval(secs => $1), $2)", [olderThanSeconds, atMost]);
  let ended = 0;
  for (const { organisation_id: organisationId, id: runId } of open) {
    // One that cannot be ended must not keep the others from it.
    try {
      const why = await whyGone(deps.temporal, runId);
      if (why === undefined) continue;
      deps.log.warn({ run: runId, rule: why.rule }, "ending a run whose workflow is gone");
      await finishRun(deps, { organisationId, runId, status: "failed", ...why, tokens: 0, costMicros: 0, calls: 0 });
      ended += 1;
    } catch (error) {
      deps.log.warn({ err: error, run: runId }, "a run whose workflow may be gone could not be looked after");
    }
  }
  return ended;
}

interface Why {
  rule: string;
  reason: string;
}

const couldNot = { rule: "workflow-failed", reason: "its workflow ended and could not end the run itself" };

/** What is closed. Anything else is open, or unknown here and left alone. */
const closed: Record<string, Why | undefined> = {
  TERMINATED: { rule: "workflow-terminated", reason: "its workflow was terminated from outside of the run" },
  TIMED_OUT: { rule: "workflow-timed-out", reason: "its workflow ran out of time and could not end the run itself" },
  FAILED: couldNot,
  CANCELLED: couldNot,
  COMPLETED: couldNot,
};

/** @returns undefined while the workflow is open */
async function whyGone(temporal: Client, runId: string): Promise<Why | undefined> {
  try {
    const { status } = await temporal.connection.withDeadline(Date.now() + 3_000, () =>
      temporal.workflow.getHandle(workflowIds.agentRun(runId)).describe(),
    );
    return closed[status.name];
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return { rule: "workflow-not-found", reason: "Temporal knows no workflow of the run any more" };
  }
}
