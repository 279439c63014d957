import { expect, test } from "vitest";
import { edits } from "../../../attack/tamper/edits.ts";
import { attackAudit } from "../../../attack/tamper/tamper.ts";
import { testSeed } from "../../support/organisation.ts";
import { sharedArena } from "./arena.ts";

test("every way to edit the audit trail past its guards is named, or said to need a checkpoint", async () => {
  const rounds = Object.keys(edits).length;
  const { tallies, violations } = await attackAudit(sharedArena(), { seed: testSeed(), rounds });
  expect(violations).toEqual([]);
  expect(tallies.length).toBeGreaterThan(rounds);
  for (const { tried, what } of tallies) expect(tried, what).toBeGreaterThan(0);
});
