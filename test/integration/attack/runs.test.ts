import { expect, test } from "vitest";
import { attackByAgentsOfRuns } from "../../../attack/agent-runs/runs.ts";
import { testSeed } from "../../support/organisation.ts";
import { sharedArena } from "./arena.ts";

test("agents of runs that obey everything do what their definition and their person may, and nothing else", async () => {
  const labels = ["AgentBuilder", "revoked midway"];
  const { tallies, violations } = await attackByAgentsOfRuns(sharedArena(), { seed: testSeed(), rounds: 2 }, labels);
  expect(violations).toEqual([]);
  for (const { tried, what } of tallies) expect(tried, what).toBeGreaterThan(0);
});
