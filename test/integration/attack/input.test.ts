import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { attackByTable } from "../../../attack/input/hostile/table.ts";
import { tablePath } from "../../../attack/input/input.ts";
import { attackRoutes } from "../../../attack/input/requests.ts";
import { attackTools } from "../../../attack/input/tools.ts";
import { testSeed } from "../../support/organisation.ts";
import { sharedArena } from "./arena.ts";

test("hostile input is answered as docs/hostile-input.md says", async () => {
  const written = await readFile(tablePath, "utf8");
  const { table, violations } = await attackByTable(sharedArena(), { long: false, written });
  expect(violations).toEqual([]);
  expect(table).toBe(written);
  expect(table).not.toContain("not tried yet");
});

test("requests made from the OpenAPI document are answered as it says", async () => {
  const { tallies, violations } = await attackRoutes(sharedArena(), { seed: testSeed(), rounds: 3 });
  expect(violations).toEqual([]);
  expect(tallies[0]?.tried).toBeGreaterThan(200);
});

test("tools called with anything answer, or say what is wrong", async () => {
  const { tallies, violations } = await attackTools(sharedArena(), { seed: testSeed(), rounds: 3 });
  expect(violations).toEqual([]);
  expect(tallies.map(({ tried }) => tried)).toEqual([33, 15]);
});
