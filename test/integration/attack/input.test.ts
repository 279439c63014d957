import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { attackByTable } from "../../../attack/input/hostile/table.ts";
import { tablePath } from "../../../attack/input/input.ts";
import { attackRoutes } from "../../../attack/input/requests.ts";
import { attackTools } from "../../../attack/input/tools.ts";
import { testSeed } from "../../support/organisation.ts";
import { sharedArena } from "./arena.ts";

test("hostile input is answered as documented: by docs/hostile-input.md, the OpenAPI document and the tools' schemas", async () => {
  const [arena, seed] = [sharedArena(), testSeed()];
  const written = await readFile(tablePath, "utf8");
  const [byTable, routes, tools] = await Promise.all([
    attackByTable(arena, { long: false, written }),
    attackRoutes(arena, { seed, rounds: 1 }),
    attackTools(arena, { seed, rounds: 2 }),
  ]);
  expect([...byTable.violations, ...routes.violations, ...tools.violations]).toEqual([]);
  expect(byTable.table).toBe(written);
  expect(written).not.toContain("not tried yet");
  expect(routes.tallies[0]?.tried).toBeGreaterThan(80);
  expect(tools.tallies.map(({ tried }) => tried)).toEqual([22, 10]);
});
