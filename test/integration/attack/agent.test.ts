import { expect, test } from "vitest";
import { attackByAgent } from "../../../attack/agent/agent.ts";
import { testSeed } from "../../support/organisation.ts";
import { sharedArena } from "./arena.ts";

test("an agent that obeys everything does what its person may, and nothing else", async () => {
  const labels = ["AgentBuilder", "revoked midway"];
  const { tallies, violations } = await attackByAgent(sharedArena(), { seed: testSeed(), rounds: 2 }, labels);
  expect(violations).toEqual([]);
  for (const { tried, what } of tallies) expect(tried, what).toBeGreaterThan(0);
});
