import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import type { ReconcileActivities } from "../activities/reconcile.ts";
import type { AgentRef } from "../core/ids.ts";
import { lookAgain, status } from "./messages.ts";
import { createBoard } from "./status-board.ts";

const { reconcileAgent: reconcileOnce } = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: "60s",
  heartbeatTimeout: "4s",
  retry: { initialInterval: "500ms", maximumInterval: "30s" },
});

/** Delay before try number `attempt` (1, 2, …): 0.5 s doubling to 60 s. The provider's own wish comes first. */
function backoffMs(attempt: number, wishMs: number): number {
  return Math.max(wishMs, Math.min(60_000, 500 * 2 ** (attempt - 1)));
}

/** Keeps one agent at the provider as it is wanted; ends when converged and nobody has asked again meanwhile. */
export async function reconcileAgent(ref: AgentRef): Promise<string> {
  let asked = 1;
  let seen = 0;
  let attempt = 0;
  const board = createBoard({ phase: "reconciling", detail: ref.agentId });
  setHandler(lookAgain, () => {
    asked += 1;
  });
  setHandler(status, board.current);

  for (;;) {
    seen = asked;
    const result = await reconcileOnce(ref);
    if (result.status === "retry") {
      attempt += 1;
      const wait = backoffMs(attempt, result.afterMs);
      board.show("backing off", `${result.label}: ${result.reason}; again in ${Math.round(wait / 1000)} s`, result.ou);
      // Nobody's asking shortens what the provider wished for; our own backoff gives way.
      if (result.afterMs > 0) await sleep(result.afterMs);
      if (wait > result.afterMs) await condition(() => asked !== seen, wait - result.afterMs);
      if (workflowInfo().continueAsNewSuggested) {
        await condition(allHandlersFinished);
        await continueAsNew<typeof reconcileAgent>(ref);
      }
      continue;
    }
    attempt = 0;
    // No await between this check and the return: a signal in between would be lost with the workflow.
    if (asked === seen && allHandlersFinished()) {
      if (result.status === "failed") board.show(result.status, `${result.label}: ${result.reason}`, result.ou);
      else board.note(result.status, result.label, result.ou);
      return result.status;
    }
  }
}
