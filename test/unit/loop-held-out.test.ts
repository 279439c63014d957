import { expect, test } from "vitest";
import { type Figures, figuresOf } from "./loop-corpus.ts";

/** The default of agent definitions. */
const n = 3;

function reported(figures: Figures): string {
  const { half, looping, detected, missed, delays, healthy, warned, replanned, falseStops } = figures;
  const sorted = delays.toSorted((a, b) => a - b);
  const names = (what: string, list: readonly string[]) => list.map((name) => `    ${what}: ${name}`);
  return [
    `  ${half}: looping ${looping}, detected ${detected} (${((100 * detected) / looping).toFixed(1)} %), ` +
      `calls after a person: median ${sorted[Math.floor(sorted.length / 2)]}, most ${sorted.at(-1)}`,
    `  ${half}: healthy ${healthy}, warned ${warned.length}, replanned ${replanned.length}, false stops ${falseStops.length}`,
    ...names("missed", missed),
    ...names("warned", warned),
    ...names("replanned", replanned),
    ...names("false stop", falseStops),
  ].join("\n");
}

test("on behaviours it was not tuned on, the breaker detects 95 % of the loops and stops nothing healthy", () => {
  const heldOut = figuresOf("held-out", n);
  process.stdout.write(
    `\nLoop breaker, circuit_breaker_${n}\n${reported(figuresOf("tuning", n))}\n${reported(heldOut)}\n`,
  );
  expect(heldOut.falseStops).toEqual([]);
  expect(heldOut.detected / heldOut.looping).toBeGreaterThanOrEqual(0.95);
});
