import { describe, expect, test } from "vitest";
import { behavioursOf, detectionsIn, highestLevel, observationsOf } from "./loop-corpus.ts";

const all = behavioursOf("tuning");
/** Calls after which a loop that a person has recognised must have been recognised here. */
const sensibleDistance = 3;

describe("at the default limits", () => {
  test.each(all.filter(({ looping }) => looping))("detects in time: $name", (one) => {
    const [first] = detectionsIn(observationsOf(one), 3);
    expect(first?.level).toBe("warn");
    expect(first?.index).toBeLessThanOrEqual((one.loops_from ?? 0) + sensibleDistance);
  });

  test.each(all.filter(({ looping }) => !looping))("leaves alone: $name", (one) => {
    expect(detectionsIn(observationsOf(one), 3)).toEqual([]);
  });
});

test("the strictest setting detects all of them and stops none that is healthy", () => {
  for (const one of all) {
    const level = highestLevel(detectionsIn(observationsOf(one), 2));
    if (one.looping) expect(level, one.name).not.toBeNull();
    else expect(["pause", "stop"], one.name).not.toContain(level);
  }
});

test("a more patient setting never detects earlier", () => {
  for (const one of all) {
    const calls = observationsOf(one);
    const firsts = [2, 3, 4, 6, 10, 20].map((n) => detectionsIn(calls, n)[0]?.index ?? Number.POSITIVE_INFINITY);
    expect(firsts, one.name).toEqual(firsts.toSorted((a, b) => a - b));
  }
});

test("evidence names calls of the run, in order, up to the one just seen", () => {
  for (const one of all) {
    for (const { evidence, index, times, reason } of detectionsIn(observationsOf(one), 3)) {
      expect(evidence).toEqual([...new Set(evidence)].toSorted((a, b) => a - b));
      expect(evidence.at(-1)).toBe(index);
      expect(evidence.length).toBeLessThanOrEqual(10);
      expect(times).toBeGreaterThanOrEqual(3);
      expect(reason).not.toBe("");
    }
  }
});
