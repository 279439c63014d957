import {
  ActivityCancellationType,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { SessionActivities } from "../activities/session.ts";
import type { StreamActivities, TurnEnd } from "../activities/session-stream.ts";
import type { SessionRef } from "../core/ids.ts";
import { lookAgain, status, taskQueues } from "./messages.ts";
import { createBoard } from "./status-board.ts";

const { openSession, deliverCommands, settleToolCalls, askForToolCalls, closeSession } =
  proxyActivities<SessionActivities>({
    startToCloseTimeout: "60s",
    heartbeatTimeout: "4s",
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: "300ms", maximumInterval: "15s", nonRetryableErrorTypes: ["SessionCannotOpen"] },
  });

// Streams are long and many: they have a queue, and slots, of their own.
const { followSession } = proxyActivities<StreamActivities>({
  taskQueue: taskQueues.streams,
  startToCloseTimeout: "12 hours",
  heartbeatTimeout: "4s",
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: "200ms", maximumInterval: "10s" },
});

/** One conversation with an agent, from the vault to its destruction. Survives every restart; idle alone does not end it. */
export async function agentSession(ref: SessionRef): Promise<string> {
  let asked = true;
  const board = createBoard({ phase: "starting", detail: ref.sessionId });
  setHandler(lookAgain, () => {
    asked = true;
  });
  setHandler(status, board.current);

  let endReason: string;
  try {
    endReason = await converse(ref, board, {
      wanted: () => asked,
      taken: () => {
        asked = false;
      },
    });
  } catch (error) {
    endReason = isCancellation(error) ? "cancelled" : "failed";
    if (!isCancellation(error)) board.show("failing", String(error).slice(0, 200));
  }
  await CancellationScope.nonCancellable(() => closeSession({ ...ref, reason: endReason }));
  board.show("ended", endReason);
  await condition(allHandlersFinished);
  return endReason;
}

async function converse(
  ref: SessionRef,
  board: ReturnType<typeof createBoard>,
  attention: { wanted: () => boolean; taken: () => void },
): Promise<string> {
  const session = await openSession(ref);
  if (session.ended) return session.endReason;
  const { label, ou, idleTimeoutSeconds } = session;

  let turn: TurnEnd | undefined;
  let following = false;
  let again = session.cmaRunning;
  const follow = () => {
    following = true;
    turn = undefined;
    board.show("running", label, ou);
    void followSession(ref).then(
      (end) => {
        turn = end;
        following = false;
      },
      (error: unknown) => {
        following = false;
        if (!isCancellation(error)) turn = { stop: "lost", toolCalls: [], decideBy: 0 };
      },
    );
  };

  for (;;) {
    if (attention.wanted()) {
      attention.taken();
      await settleToolCalls(ref);
      const told = await deliverCommands(ref);
      if (told.end !== null) return told.end;
      if (told.sent > 0) again = true;
    }
    if (again && !following) {
      again = false;
      follow();
    }
    if (turn?.stop === "terminated") return "terminated by the provider";
    if (turn?.stop === "requires_action" && turn.toolCalls.length > 0) {
      await askForToolCalls({ ...ref, eventIds: turn.toolCalls });
      board.show("waiting", `${label}: ${turn.toolCalls.length} tool calls wait for approval`, ou);
      turn = { ...turn, toolCalls: [] };
    } else if (turn !== undefined && turn.stop !== "requires_action") board.show("idle", label, ou);
    if (turn?.stop === "lost") again = true;

    if (!following && !attention.wanted() && workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof agentSession>(ref);
    }
    const finished = turn;
    const something = () => attention.wanted() || (!following && again) || turn !== finished;
    if (following) await condition(something);
    else {
      const waitMs =
        turn?.stop === "requires_action" && turn.decideBy > 0
          ? Math.max(1_000, turn.decideBy - Date.now())
          : idleTimeoutSeconds * 1000;
      const woken = await condition(something, waitMs);
      if (!woken && turn?.stop === "requires_action") await settleToolCalls(ref);
      else if (!woken) return "idle for too long";
      if (!woken) again = true;
    }
  }
}
