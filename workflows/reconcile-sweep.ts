import { proxyActivities } from "@temporalio/workflow";
import type { ReconcileActivities } from "../activities/reconcile.ts";

const { sweepAgents } = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: "60s",
  heartbeatTimeout: "10s",
  retry: { maximumAttempts: 3 },
});

/** Started by a schedule: wakes every agent that is out of sync or has not been compared for a while. */
export async function reconcileSweep(input: { olderThanSeconds: number }): Promise<number> {
  return sweepAgents(input);
}
