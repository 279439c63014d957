import {
  allHandlersFinished,
  condition,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
} from "@temporalio/workflow";
import { go, outcome } from "./bare-messages.ts";
import type { BareActivities } from "./bare-worker.ts";

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
