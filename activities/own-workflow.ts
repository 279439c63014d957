import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import { workflowIds } from "../core/ids.ts";

/**
 * The same activities, of which those about a run or a session serve that one's own workflow alone. Temporal lets one
 * workflow with an id be open at a time, so nobody else can start a second one beside it, with a state that they made up,
 * and have it ask the model, or end what goes on.
 */
export function forOwnWorkflow<Activities extends object>(activities: Activities): Activities {
  const guarded = Object.entries(activities).map(([name, activity]) => [
    name,
    (order: unknown, ...more: unknown[]): unknown => {
      requireOwnWorkflow(order);
      return (activity as (...given: unknown[]) => unknown)(order, ...more);
    },
  ]);
  return Object.fromEntries(guarded) as Activities;
}

function requireOwnWorkflow(order: unknown): void {
  const { runId, sessionId } = { ...(order as { runId?: unknown; sessionId?: unknown } | null) };
  const own =
    typeof runId === "string"
      ? workflowIds.agentRun(runId)
      : typeof sessionId === "string"
        ? workflowIds.agentSession(sessionId)
        : undefined;
  const { workflowExecution } = Context.current().info;
  if (own !== undefined && workflowExecution?.workflowId !== own)
    throw ApplicationFailure.nonRetryable(`only ${own} may ask for this`, "NotItsWorkflow");
}
