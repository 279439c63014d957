import { expect, test } from "vitest";
import { attackRaces } from "../../../attack/races/races.ts";
import { testSeed } from "../../support/organisation.ts";
import { sharedArena } from "./arena.ts";

test("fifty parties at the same instant get one outcome, and never more than there is", async () => {
  const { tallies, violations } = await attackRaces(sharedArena(), { seed: testSeed(), rounds: 2 });
  expect(violations).toEqual([]);
  for (const { tried, what } of tallies) expect(tried, what).toBeGreaterThan(0);
});
