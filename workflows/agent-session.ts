import {
  ActivityCancellationType,
  allHandlersFinished,
  CancellationScope,
  ContinueAsNew,
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

const { openSession, deliverCommands, settleToolCalls, askForToolCalls, endIfQuiet, closeSession } =
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

/** A stream that cannot be followed at all is tried again this much later. */
const lostWaitMs = 5_000;

/** What a run hands on to the next one. */
interface Carried {
  /** Since when nothing has been said, ms. */
  quietSince?: number | undefined;
}

/** One conversation with an agent, from the vault to its destruction. Survives every restart; idle alone does not end it. */
export async function agentSession(ref: SessionRef, carried: Carried = {}): Promise<string> {
  let asked = true;
  const board = createBoard({ phase: "starting", detail: ref.sessionId });
  setHandler(lookAgain, () => {
    asked = true;
  });
  setHandler(status, board.current);

  let endReason: string;
  try {
    endReason = await converse(ref, carried, board, {
      wanted: () => asked,
      set: (wanted) => {
        asked = wanted;
      },
    });
  } catch (error) {
    // Going on in a new run is no failure: the session stays open.
    if (error instanceof ContinueAsNew) throw error;
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
  carried: Carried,
  board: ReturnType<typeof createBoard>,
  attention: { wanted: () => boolean; set: (wanted: boolean) => void },
): Promise<string> {
  const session = await openSession(ref);
  if (session.ended) return session.endReason;
  const { label, ou, idleTimeoutSeconds } = session;

  let turn: TurnEnd | undefined;
  let decideBy = 0;
  /** A signal for no reason begins nothing anew, nor does a new run. */
  let quietSince = carried.quietSince;
  let following: CancellationScope | undefined;
  let again = session.cmaRunning;
  const follow = () => {
    const scope = new CancellationScope();
    following = scope;
    turn = undefined;
    board.show("running", label, ou);
    const rest = (end: TurnEnd | undefined) => {
      following = undefined;
      turn = end;
    };
    void scope
      .run(() => followSession(ref))
      .then(rest, (error: unknown) => rest(isCancellation(error) ? undefined : { stop: "lost", toolCalls: [] }));
  };

  for (;;) {
    if (attention.wanted()) {
      attention.set(false);
      // Recorded histories from before it answered hold nothing here.
      const expiry: number | null | undefined = await settleToolCalls(ref);
      decideBy = expiry ?? decideBy;
      const told = await deliverCommands(ref);
      if (told.end !== null) {
        // What the stream would still have told is read when the session is closed.
        following?.cancel();
        return told.end;
      }
      if (told.sent > 0) {
        again = true;
        quietSince = undefined;
      }
    }
    if (again && following === undefined) {
      again = false;
      follow();
    }
    const finished = turn;
    if (finished?.stop === "terminated") return "terminated by the provider";
    if (finished?.stop === "requires_action" && finished.toolCalls.length > 0) {
      decideBy = await askForToolCalls({ ...ref, eventIds: finished.toolCalls });
      // Meanwhile another follow may have begun: what it finds is newer.
      if (turn === finished) turn = { ...finished, toolCalls: [] };
      board.show("waiting", `${label}: ${finished.toolCalls.length} tool calls wait for approval`, ou);
      continue;
    }
    if (finished?.stop === "end_turn" || finished?.stop === "other") board.show("idle", label, ou);

    if (following === undefined && !attention.wanted() && workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof agentSession>(ref, { quietSince });
    }
    const something = () => attention.wanted() || (following === undefined && again) || turn !== finished;
    if (following !== undefined) {
      await condition(something);
      continue;
    }
    // Without a turn of its own this run has taken the session over from an earlier one, and what waits with it.
    const undecided = decideBy > 0 && (finished === undefined || finished.stop === "requires_action");
    const lost = finished?.stop === "lost";
    if (!undecided && !lost) quietSince ??= Date.now();
    const waitMs = undecided
      ? Math.max(1_000, decideBy - Date.now())
      : lost
        ? lostWaitMs
        : Math.max(1, (quietSince ?? 0) + idleTimeoutSeconds * 1000 - Date.now());
    if (await condition(something, waitMs)) continue;
    if (lost) again = true;
    else if (undecided) attention.set(true);
    else if (await endIfQuiet(ref)) return "idle for too long";
    else {
      quietSince = undefined;
      attention.set(true);
    }
  }
}
