import {
  allHandlersFinished,
  condition,
  executeChild,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
} from "@temporalio/workflow";
import { go, outcome } from "./bare-messages.ts";
import type { BareActivities } from "./bare-worker.ts";
import type { RecordingActivities } from "./recording.ts";

/** What our workflows are measured against: the same messages around an activity that does nothing. */

const { nothing } = proxyLocalActivities<BareActivities>({
  startToCloseTimeout: "2s",
  scheduleToCloseTimeout: "4s",
  retry: { maximumAttempts: 3, initialInterval: "100ms" },
});

/** Update-with-start: the main function works, the update's handler only waits for it. */
export async function bareUpdate(): Promise<void> {
  let done = false;
  setHandler(outcome, async () => {
    await condition(() => done);
    return "done";
  });
  await nothing();
  done = true;
  await condition(allHandlersFinished);
}

/** Signal → local activity → completed. */
export async function bareSignal(): Promise<void> {
  let wanted = false;
  setHandler(go, () => {
    wanted = true;
  });
  await condition(() => wanted, "1 hour");
  await nothing();
}

const { moment } = proxyActivities<BareActivities>({ startToCloseTimeout: "2s", retry: { maximumAttempts: 3 } });

/** Two activities in sequence, so many times. When the second of each was carried out, epoch milliseconds. */
export async function barePairs(count: number): Promise<number[]> {
  const moments: number[] = [];
  for (let pair = 0; pair < count; pair += 1) {
    await moment();
    moments.push(await moment());
  }
  return moments;
}

// A worker that is busy with eight at a time is not to lose one of them to a time limit.
const { ask, use } = proxyActivities<RecordingActivities>({
  startToCloseTimeout: "10s",
  retry: { maximumAttempts: 1 },
});

/** A call of a model and a call of a tool, recorded as they must be. When the second was, epoch milliseconds. */
async function recordedPair(): Promise<number> {
  await ask();
  return use();
}

/** The same in sequence, so many times. When the second of each was recorded, epoch milliseconds. */
export async function recordedPairs(count: number): Promise<number[]> {
  const moments: number[] = [];
  for (let pair = 0; pair < count; pair += 1) moments.push(await recordedPair());
  return moments;
}

/** What a planner or a reviewer does: a look, and an answer. */
export async function recordedLook(): Promise<void> {
  await recordedPair();
  await ask();
}

/** What an executor does: the steps of a plan, so many at a time. */
export async function recordedPlan(levels: readonly number[]): Promise<void> {
  for (const steps of levels) await Promise.all(Array.from({ length: steps }, recordedPair));
}

/** A run with three subagents one after the other, each a workflow of its own, and a turn of its own before each and at the end. */
export async function recordedRun(levels: readonly number[]): Promise<void> {
  await ask();
  await executeChild(recordedLook);
  await ask();
  await executeChild(recordedPlan, { args: [levels] });
  await ask();
  await executeChild(recordedLook);
  await ask();
}
