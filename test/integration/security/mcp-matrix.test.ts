import { beforeAll, describe, expect, test } from "vitest";
import { atMost, type Cell, everyCell, expectGolden, type Matrix, untried } from "./golden.ts";
import { callTool, rpc, type Server, type ToolTrial, toolCell, toolTrials } from "./mcp-calls.ts";
import {
  eachHolder,
  type Holder,
  holders,
  openSession,
  type Place,
  places,
  type Target,
  theWorld,
  type World,
} from "./world.ts";

let world: World;
let bearers: Record<Holder, Record<Server, string>>;
beforeAll(async () => {
  world = await theWorld();
  bearers = await eachHolder(async (holder) => (await openSession(world, world.atOwn[holder].id)).bearers);
});

async function fill<Column extends string>(
  rows: readonly ToolTrial[],
  columns: readonly Column[],
  find: (holder: Holder, column: Column) => Target,
): Promise<Matrix> {
  const filled = new Map<string, Map<string, Cell[]>>();
  const tasks: (() => Promise<void>)[] = [];
  for (const trial of rows) {
    const cells = new Map<string, Cell[]>(holders.map((holder) => [holder, columns.map(() => untried)]));
    filled.set(`${trial.server}: ${trial.tool}`, cells);
    for (const holder of holders)
      for (const [index, column] of columns.entries()) {
        if (column !== "own" && !everyCell && holder !== "OrgAdmin" && holder !== "none") continue;
        tasks.push(async () => {
          const target = find(holder, column);
          const answer = await callTool(bearers[holder][trial.server], trial, target);
          cells.get(holder)?.splice(index, 1, toolCell(trial, answer, target));
        });
      }
  }
  await atMost(6, tasks);
  return { groups: holders, columns, rows: filled };
}

describe("the role matrix of our MCP servers", () => {
  test.each(["meta", "runs"] as const)("has a row for every tool of powerloom_%s", async (server) => {
    const { result } = await rpc(server, `Bearer ${bearers.none[server]}`, "tools/list", {});
    const names = ((result?.["tools"] ?? []) as { name: string }[]).map(({ name }) => name);
    const tried = toolTrials.filter((trial) => trial.server === server).map(({ tool }) => tool);
    expect(tried.toSorted()).toEqual(names.toSorted());
  });

  test("says what each role may do through an agent, in its OU, beside it, above it, and in another organisation", async () => {
    const matrix = await fill(toolTrials, places, (_holder, place: Place) => world.targets[place]);
    await expectGolden("tools.txt", matrix);
  });

  test("says what each role may do through an agent with what is one's own", async () => {
    const own = toolTrials.filter((trial) => trial.own === true);
    await expectGolden("tools-of-ones-own.txt", await fill(own, ["own"], (holder) => world.mine[holder]));
  });
});
