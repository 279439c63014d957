import { patched, proxyActivities } from "@temporalio/workflow";
import type { ReconcileActivities } from "../activities/reconcile.ts";
import type { RunActivities } from "../activities/runs.ts";

const { sweepAgents, endAbandonedRuns } = proxyActivities<
  ReconcileActivities & Pick<RunActivities, "endAbandonedRuns">
>({
  startToCloseTimeout: "60s",
  heartbeatTimeout: "10s",
  retry: { maximumAttempts: 3 },
});

/**
 * Started by a schedule: wakes every agent that is out of sync or has not been compared for a while, and ends the runs
 * whose workflow is gone.
 */
export async function reconcileSweep(input: {
  olderThanSeconds: number;
  runsOlderThanSeconds?: number;
}): Promise<number> {
  const runs = patched("ends-abandoned-runs")
    ? endAbandonedRuns({ olderThanSeconds: input.runsOlderThanSeconds ?? 60 })
    : Promise.resolve(0);
  const [agents] = await Promise.all([sweepAgents(input), runs]);
  return agents;
}
