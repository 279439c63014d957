import { expect, test } from "vitest";
import { attackByAgent } from "../../../attack/agent/agent.ts";
import { everything } from "../../support/everything.ts";
import { testSeed } from "../../support/organisation.ts";
import { sharedArena } from "./arena.ts";

if (!everything)
  console.log("attack by an agent: left out of every run, it is part of npm run test:long and npm run attack");

test.skipIf(!everything)("an agent that obeys everything does what its person may, and nothing else", async () => {
  const labels = ["AgentBuilder", "revoked midway"];
  const { tallies, violations } = await attackByAgent(sharedArena(), { seed: testSeed(), rounds: 2 }, labels);
  expect(violations).toEqual([]);
  for (const { tried, what } of tallies) expect(tried, what).toBeGreaterThan(0);
});
