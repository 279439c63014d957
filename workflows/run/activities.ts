import {
  ActivityCancellationType,
  CancellationScope,
  proxyActivities,
  proxyLocalActivities,
} from "@temporalio/workflow";
import type { RunActivities } from "../../activities/runs.ts";
import { goesBy } from "./edition.ts";

// Outside of the workflow task: for what takes longer, and for when the database is slow or away.
const patient = proxyActivities<RunActivities>({
  startToCloseTimeout: "30s",
  scheduleToCloseTimeout: "1 day",
  heartbeatTimeout: "4s",
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: "200ms", maximumInterval: "10s" },
});

// Inside of it: an activity of a few statements spends most of its time on being scheduled (ADR 14).
const quick = proxyLocalActivities<RunActivities>({
  startToCloseTimeout: "2s",
  scheduleToCloseTimeout: "4s",
  retry: { maximumAttempts: 2, initialInterval: "100ms" },
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

type Activity = keyof RunActivities;

// The end of the work inside the task that was asked for last.
let before: Promise<unknown> = Promise.resolve();

/**
 * Work inside the workflow task, one at a time: it is answered in the order in which it ends, and in a replay in the order in
 * which it was asked for. Of two side by side (steps of a plan, what people say meanwhile), a history could not be replayed
 * when the second had ended first, and its run hung (ADR 14).
 */
function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const mine = before.then(work);
  before = mine.catch(() => undefined);
  return mine;
}

/** How it was before: runs that began then go on so. */
const atOnce: typeof inTurn = (work) => work();

/** Tries it inside the workflow task, and does it outside when that has no success: repeated, each does nothing twice. */
function quickFirst<Name extends Activity>(name: Name, otherwise: Pick<RunActivities, Name>): RunActivities[Name] {
  const attempt = quick[name] as (order: unknown) => Promise<unknown>;
  const outside = otherwise[name] as (order: unknown) => Promise<unknown>;
  const either = async (order: unknown): Promise<unknown> => {
    if (!goesBy("short-work-in-task")) return outside(order);
    const when = goesBy("short-work-in-turn") ? inTurn : atOnce;
    try {
      // Never cancelled: it is over in moments, and a local activity that is cancelled while it ends fails the task.
      return await CancellationScope.nonCancellable(() => when(() => attempt(order)));
    } catch {
      return outside(order);
    }
  };
  return either as RunActivities[Name];
}

/** Short work on rows. */
export const records = {
  askPermission: quickFirst("askPermission", patient),
  settlePermission: quickFirst("settlePermission", patient),
  askForBudget: quickFirst("askForBudget", patient),
  settleBudget: quickFirst("settleBudget", patient),
  returnResult: quickFirst("returnResult", patient),
  planAnew: quickFirst("planAnew", patient),
  adoptPlan: quickFirst("adoptPlan", patient),
  takeCommands: quickFirst("takeCommands", patient),
  pauseRun: quickFirst("pauseRun", patient),
  noteRun: quickFirst("noteRun", patient),
};

/** The first and the last of a root run ask servers and keep files; a subagent's are short. */
export const openRun = { root: patient.openRun, child: quickFirst("openRun", patient) };
export const finishRun = { root: patient.finishRun, child: quickFirst("finishRun", patient) };

/** A tool that takes moments, like reading a file. */
export const runShortTool = quickFirst("runTool", work);
