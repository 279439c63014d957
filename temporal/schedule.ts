import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from "@temporalio/client";
import { workflowIds } from "../core/ids.ts";
import { taskQueues } from "../workflows/messages.ts";

/** Makes (or adjusts) the one schedule that sweeps agents and runs: overlap SKIP, catch-up window one minute. */
export async function ensureSweepSchedule(
  temporal: Client,
  { everySeconds, olderThanSeconds }: { everySeconds: number; olderThanSeconds: number },
): Promise<void> {
  const scheduleId = workflowIds.reconcileSweep;
  const options = {
    spec: { intervals: [{ every: everySeconds * 1000 }] },
    action: {
      type: "startWorkflow" as const,
      workflowType: "reconcileSweep",
      workflowId: workflowIds.reconcileSweep,
      taskQueue: taskQueues.main,
      args: [{ olderThanSeconds, runsOlderThanSeconds: everySeconds }],
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 minute" as const },
  };
  try {
    await temporal.schedule.create({ scheduleId, ...options });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await temporal.schedule
      .getHandle(scheduleId)
      .update((previous) => ({ ...previous, ...options, state: previous.state }));
  }
}
