import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Clock, nextTimeAlert } from "../../core/budget/time-alerts.ts";

describe("alerts of a run's time", () => {
  test.each<[string, Clock, number, ReturnType<typeof nextTimeAlert>]>([
    ["first at 70 percent", { since: 1_000, told: 0 }, 2_000, { percent: 70, at: 1_700 }],
    ["then at 90", { since: 1_000, told: 70 }, 2_000, { percent: 90, at: 1_900 }],
    ["then no more", { since: 1_000, told: 90 }, 2_000, null],
    ["not before its percentage is over", { since: 0, told: 0 }, 1, { percent: 70, at: 1 }],
    ["never when there is no time at all", { since: 1_000, told: 0 }, 1_000, null],
    ["never when it was over before it began", { since: 1_000, told: 0 }, 500, null],
  ])("come %s", (_, clock, deadline, next) => {
    expect(nextTimeAlert(clock, deadline)).toEqual(next);
  });

  test("are two, in order, when the time has gone by for that and before it is over", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.integer({ min: 1, max: 2_592_000_000 }), (since, span) => {
        let clock: Clock = { since, told: 0 };
        const told: number[] = [];
        for (let next = nextTimeAlert(clock, since + span); next !== null; next = nextTimeAlert(clock, since + span)) {
          expect((next.at - since) * 100).toBeGreaterThanOrEqual(span * next.percent);
          expect(next.at).toBeLessThanOrEqual(since + span);
          told.push(next.percent);
          clock = { ...clock, told: next.percent };
        }
        expect(told).toEqual([70, 90]);
      }),
    );
  });
});
