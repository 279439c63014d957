import type { LogRecord } from "./record.ts";

/** How long after it was set a clock may still be as it was, milliseconds. */
const slackMs = 2_500;

/**
 * When something really happened that the tables say happened at a time: their clock was set wrong now and then, so there may
 * be several answers. Where it never was, there is one: that time.
 */
export function trueTimes(log: readonly LogRecord[]): (stored: number) => number[] {
  const sets = log.filter((record) => record.kind === "clock");
  if (sets.length === 0) return (stored) => [stored];
  const spans = [{ at: Number.NEGATIVE_INFINITY, wrongByMs: 0 }, ...sets].map(({ at, wrongByMs }, index) => ({
    from: at,
    until: (sets[index]?.at ?? Number.POSITIVE_INFINITY) + slackMs,
    wrongByMs,
  }));
  return (stored) =>
    spans.flatMap(({ from, until, wrongByMs }) => {
      const at = stored - wrongByMs;
      return from <= at && at <= until ? [at] : [];
    });
}
