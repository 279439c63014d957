import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AgentRef } from "../../core/ids.ts";
import { createReconcileQueue, type ReconcileQueue } from "../../temporal/reconcile-queue.ts";

const agent = (id: string) => ({ organisationId: "o", agentId: id }) as AgentRef;

let turns: { id: string; at: number }[];
let queue: ReconcileQueue;
let start: number;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  start = Date.now();
  turns = [];
  queue = createReconcileQueue(({ agentId }) => turns.push({ id: agentId, at: Date.now() - start }));
});
afterEach(() => {
  queue.close();
  vi.useRealTimers();
});

/** Somebody asks every `everyMs` for `forMs`. */
async function answerFor(forMs: number, everyMs = 50): Promise<void> {
  for (let at = 0; at < forMs; at += everyMs) {
    queue.answering();
    await vi.advanceTimersByTimeAsync(everyMs);
  }
}

describe("the queue before the reconciler", () => {
  test("when nobody waits for an answer, takes an agent within 0.2 s, and all in the order they came", async () => {
    for (const id of ["a", "b", "c"]) queue.want(agent(id));
    await vi.advanceTimersByTimeAsync(200);
    expect(turns[0]?.at).toBeLessThanOrEqual(200);
    await vi.advanceTimersByTimeAsync(200);
    expect(turns.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(queue.waiting()).toBe(0);
  });

  test("takes an agent that changed several times once, and again when it changes later", async () => {
    for (let change = 0; change < 5; change += 1) {
      queue.want(agent("a"));
      await vi.advanceTimersByTimeAsync(10);
    }
    await vi.advanceTimersByTimeAsync(300);
    expect(turns).toHaveLength(1);
    queue.want(agent("a"));
    await vi.advanceTimersByTimeAsync(300);
    expect(turns).toHaveLength(2);
  });

  test("while answers are waited for, takes about one a second", async () => {
    for (let id = 0; id < 30; id += 1) queue.want(agent(`${id}`));
    await answerFor(5_000);
    expect(turns.length).toBeGreaterThanOrEqual(4);
    expect(turns.length).toBeLessThanOrEqual(6);
  });

  test("lets nobody wait much longer than a minute, even when the asking never ends", async () => {
    for (let id = 0; id < 300; id += 1) queue.want(agent(`${id}`));
    await answerFor(59_000);
    expect(turns.length).toBeLessThanOrEqual(62);
    await answerFor(15_000);
    expect(turns).toHaveLength(300);
  });

  test("takes agents that only are to be compared when no changed one waits", async () => {
    for (const id of ["old-1", "old-2"]) queue.compare(agent(id));
    for (const id of ["new-1", "new-2", "old-2"]) queue.want(agent(id));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(turns.map(({ id }) => id)).toEqual(["new-1", "new-2", "old-2", "old-1"]);
  });

  test("what takes something away goes at once, also while answers are waited for", async () => {
    for (let id = 0; id < 10; id += 1) queue.want(agent(`${id}`));
    queue.answering();
    queue.atOnce(agent("9"));
    expect(turns.map(({ id }) => id)).toEqual(["9"]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(turns.filter(({ id }) => id === "9")).toHaveLength(1);
  });

  test("organisations take turns: one with many agents does not hold up another's", async () => {
    for (let id = 0; id < 100; id += 1) queue.want(agent(`many-${id}`));
    queue.want({ organisationId: "other", agentId: "few" } as AgentRef);
    await vi.advanceTimersByTimeAsync(300);
    expect(turns.slice(0, 2).map(({ id }) => id)).toEqual(["many-0", "few"]);
  });

  test("closed, forgets what waits: the sweep finds it again", async () => {
    queue.want(agent("a"));
    queue.close();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(turns).toEqual([]);
  });
});
