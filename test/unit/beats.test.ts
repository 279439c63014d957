import { setTimeout as sleep } from "node:timers/promises";
import { asyncLocalStorage, CancelledFailure, Context } from "@temporalio/activity";
import { describe, expect, test } from "vitest";
import { type Attempt, beating, Overtaken } from "../../activities/beats.ts";

/** Runs `work` as an attempt of an activity; returns how often it has beaten. */
async function attempt(
  work: (attempt: Attempt, stop: (reason: string) => void) => Promise<void>,
  { isLocal = false } = {},
): Promise<number> {
  let beats = 0;
  const controller = new AbortController();
  const stop = (reason: string) => controller.abort(new CancelledFailure(reason));
  const context = new Context(
    { isLocal, heartbeatTimeoutMs: isLocal ? undefined : 4_000, startToCloseTimeoutMs: 60_000 } as never,
    new Promise<never>(() => undefined),
    controller.signal,
    () => {
      beats += 1;
    },
    undefined,
    undefined as never,
    undefined as never,
    undefined as never,
  );
  await asyncLocalStorage.run(context, () => beating((known) => work(known, stop)));
  return beats;
}

function freeze(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe("an attempt of an activity", () => {
  test("beats at once, and goes on doing so", async () => {
    const beats = await attempt(async ({ missed, certain }) => {
      await sleep(1_100);
      expect(missed()).toBe(false);
      await certain();
    });
    expect(beats).toBeGreaterThanOrEqual(2);
  });

  test("that was frozen may be one of two until the server has taken a beat since", async () => {
    await attempt(async ({ missed, certain }) => {
      freeze(1_000);
      expect(missed()).toBe(true);
      await certain();
      expect(missed()).toBe(false);
    });
  });

  test("that the server dismisses while it waits to be certain gives up", async () => {
    await attempt(async ({ certain }, stop) => {
      freeze(1_000);
      setTimeout(() => stop("NOT_FOUND"), 100);
      await expect(certain()).rejects.toThrow(Overtaken);
    });
  });

  test.each([
    ["its worker ends", "WORKER_SHUTDOWN", true],
    ["the server knows it no more", "NOT_FOUND", true],
    ["its workflow cancels it, and waits for it", "CANCELLED", false],
  ])("may be one of two when %s (%s): %s", async (_when, reason, missed) => {
    await attempt(async (known, stop) => {
      stop(reason);
      expect(known.missed()).toBe(missed);
    });
  });

  test("inside of a workflow task beats for nobody", async () => {
    expect(await attempt(async () => sleep(600), { isLocal: true })).toBe(0);
  });
});
