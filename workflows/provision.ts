import {
  ActivityCancellationType,
  allHandlersFinished,
  condition,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
} from "@temporalio/workflow";
import type { OperationState, ProvisionActivities } from "../activities/provision.ts";
import type { OperationRef } from "../core/ids.ts";
import { type Attention, awaitDecision } from "./await-decision.ts";
import { lookAgain, status, submit } from "./messages.ts";
import { createBoard } from "./status-board.ts";

const quick = proxyLocalActivities<ProvisionActivities>({
  startToCloseTimeout: "2s",
  scheduleToCloseTimeout: "4s",
  retry: { maximumAttempts: 3, initialInterval: "100ms" },
});

// The same activities for when the database is slow or away: they outlive the intent, which then expires by itself.
const patient = proxyActivities<ProvisionActivities>({
  startToCloseTimeout: "10s",
  scheduleToCloseTimeout: "1 day",
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: "500ms", maximumInterval: "10s" },
});

/** One governed mutation from intent to outcome; waits for approval as long as the policy allows. */
export async function provision(ref: OperationRef): Promise<string> {
  let state: OperationState | undefined;
  const attention: Attention = { wanted: false };
  const board = createBoard({ phase: "received", detail: "being decided" });
  setHandler(lookAgain, () => {
    attention.wanted = true;
  });
  setHandler(submit, async () => {
    await condition(() => state !== undefined);
    return state?.status ?? "received";
  });
  setHandler(status, board.current);

  state = await quick.submitOperation(ref).catch(() => patient.submitOperation(ref));
  while (state.status === "pending_approval") {
    board.show(
      "pending_approval",
      `${state.summary}: ${state.waiting}, expires ${new Date(state.expiresAt).toISOString()}`,
      state.ou,
    );
    await awaitDecision(attention, state.expiresAt);
    state = await quick.settleOperation(ref).catch(() => patient.settleOperation(ref));
  }

  if (state.status === "applied") board.note(state.status, state.summary, state.ou);
  else board.show(state.status, state.summary, state.ou);
  if (state.tell !== null) await patient.tellSession(ref);
  await condition(allHandlersFinished);
  return state.status;
}
