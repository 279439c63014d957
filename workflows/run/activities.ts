import { ActivityCancellationType, proxyActivities } from "@temporalio/workflow";
import type { RunActivities } from "../../activities/runs.ts";

/** Short work on rows. */
export const records = proxyActivities<RunActivities>({
  startToCloseTimeout: "30s",
  scheduleToCloseTimeout: "1 day",
  heartbeatTimeout: "4s",
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: "200ms", maximumInterval: "10s" },
});

/**
 * Calls of a model or of a tool: long, and watched. A definite failure of the provider is tried again for a while; what is
 * unknown comes back as an answer.
 */
export const work = proxyActivities<RunActivities>({
  startToCloseTimeout: "30 minutes",
  scheduleToCloseTimeout: "2 hours",
  heartbeatTimeout: "4s",
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: "300ms", maximumInterval: "20s", maximumAttempts: 12 },
});
