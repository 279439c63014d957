import { beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../../api/app.ts";
import { createHealth } from "../../../process/health.ts";
import { startOwnApi } from "../../support/own-api.ts";
import { cellOf, dryRequest, send } from "./attempt.ts";
import { atMost, type Cell, everyCell, expectGolden, type Matrix, readGolden, untried } from "./golden.ts";
import { nameOf, operationByRoute, type Trial, trials } from "./trials.ts";
import { type Actor, type Holder, holders, type Place, places, type Target, theWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await theWorld();
});

/** Routes that ask nobody who they are. */
const open = new Set([
  "GET /healthz",
  "GET /readyz",
  "GET /metrics",
  "GET /openapi.json",
  // Below /docs.
  "GET /",
  "GET /start.js",
  "GET /.well-known/jwks.json",
  "GET /.well-known/oauth-authorization-server",
  "POST /oauth/token",
  "POST /oauth/introspect",
  "POST /dev/login",
  "GET /sign-in/options",
  "POST /sign-in/dev",
  "GET /sign-in/oidc",
  "GET /sign-in/callback",
]);

interface Layer {
  route?: { path: string | string[]; methods: Record<string, boolean> };
  handle?: { stack?: Layer[] };
}

/** Every route of an Express application, `GET /agents/:agent_id`. */
function routesOf(stack: readonly Layer[]): string[] {
  return stack.flatMap(({ route, handle }) =>
    route === undefined
      ? routesOf(handle?.stack ?? [])
      : Object.keys(route.methods).flatMap((method) =>
          [route.path].flat().map((path) => `${method.toUpperCase()} ${path}`),
        ),
  );
}

describe("the role matrix", () => {
  test("has a row for every route that there is, by the router's own word", async () => {
    const own = await startOwnApi();
    try {
      const app = createApp(
        own.deps,
        createHealth("api", async () => undefined),
      );
      const routes = routesOf((app.router as unknown as { stack: Layer[] }).stack);
      expect(routes.length).toBeGreaterThan(80);
      const tried = new Set(trials.map(({ operation }) => operation));
      const forgotten = routes.filter((route) => {
        const operation = operationByRoute.get(route);
        return operation === undefined ? !open.has(route) : !tried.has(operation);
      });
      expect(forgotten).toEqual([]);
      expect([...operationByRoute.keys()].filter((route) => !routes.includes(route))).toEqual([]);
    } finally {
      await own.close();
    }
  });

  test("of the API: what each role may do in its OU, beside it, above it, and in another organisation", async () => {
    const tried = (trial: Trial, place: Place): { actors: Record<Holder, Actor>; target: Target } | undefined => {
      if (trial.about === "place") return { actors: world.atOwn, target: world.targets[place] };
      // What belongs to the whole organisation lies at its root: one's own for those who hold their role there.
      if (place === "own") return { actors: world.atRoot, target: world.targets.own };
      return place === "par" ? { actors: world.atOwn, target: world.targets.par } : undefined;
    };
    const matrix = await fill(trials, places, (trial, holder, place) => {
      const found = tried(trial, place);
      return found && { actor: found.actors[holder], target: found.target };
    });
    await expectGolden("api.txt", matrix);
  });

  test("of the API: what each role may do with what is one's own", async () => {
    const matrix = await fill(
      trials.filter((trial) => trial.own === true),
      ["own"],
      (_trial, holder) => ({ actor: world.atOwn[holder], target: world.mine[holder] }),
    );
    await expectGolden("api-of-ones-own.txt", matrix);
  });
});

describe("the golden matrix says", () => {
  /** Rows in which one of the cells is not among those given, with these cells. */
  async function others(columns: readonly Place[], among: readonly Cell[]): Promise<string[]> {
    const golden = await readGolden("api.txt");
    return trials
      .map(nameOf)
      .filter((row) =>
        [...(golden.get(row)?.values() ?? [[""]])].some((cells) =>
          columns.some((column) => !among.includes(cells[places.indexOf(column)] ?? "")),
        ),
      );
  }

  test("that nothing of another organisation is there, for anybody", async () => {
    expect(await others(["oth"], ["404", "nil", "--"])).toEqual([]);
  });

  test("that beside one's OU, and above it, nothing may be done or seen, but what is offered from above", async () => {
    const everybodys = ["authority.explain (of oneself)"];
    expect(await others(["sib"], ["403", "404", "nil", "--"])).toEqual(everybodys);
    const offered = trials.map(nameOf).filter((row) => /^(skill|skill_version|mcp_server)\.(get|list)$/.test(row));
    const organisation = trials.filter(({ about }) => about === "organisation").map(nameOf);
    const seen = await others(["par"], ["403", "404", "nil"]);
    expect(seen.filter((row) => !organisation.includes(row)).toSorted()).toEqual(
      [...everybodys, ...offered].toSorted(),
    );
  });

  test.each(["Auditor", "Viewer", "none"] as const)("that %s changes nothing", async (holder) => {
    const golden = await readGolden("api.txt");
    const done = trials
      .filter(({ operation }) => !reads.has(operation))
      .map(nameOf)
      .filter((row) => golden.get(row)?.get(holder)?.includes("ok"));
    // A ticket opens a stream to read; signing out ends nothing but the browser's own sign-in.
    expect(done).toEqual(holder === "Auditor" ? ["session.ticket", "sign_out"] : ["sign_out"]);
  });
});

const reads: ReadonlySet<string> = new Set(
  [...operationByRoute].flatMap(([route, name]) => (route.startsWith("GET ") ? [name] : [])),
);

/** Away from their own OU: whoever has every permission there, nobody, and, for approvals, the role that counts by name. */
function isTelling(holder: Holder, { operation }: Trial): boolean {
  return holder === "OrgAdmin" || holder === "none" || (holder === "Approver" && operation.startsWith("approval."));
}

/** Tries everything for real. */
async function fill<Column extends string>(
  rows: readonly Trial[],
  columns: readonly Column[],
  find: (trial: Trial, holder: Holder, column: Column) => { actor: Actor; target: Target } | undefined,
): Promise<Matrix> {
  const filled = new Map<string, Map<string, Cell[]>>();
  const tasks: (() => Promise<void>)[] = [];
  for (const trial of rows) {
    const cells = new Map<string, Cell[]>(holders.map((holder) => [holder, columns.map(() => "--")]));
    filled.set(nameOf(trial), cells);
    for (const holder of holders)
      for (const [index, column] of columns.entries()) {
        const found = find(trial, holder, column);
        if (found === undefined) continue;
        if (column !== "own" && !everyCell && !isTelling(holder, trial)) {
          cells.get(holder)?.splice(index, 1, untried);
          continue;
        }
        const { actor, target } = found;
        tasks.push(async () => {
          const answer = await send(actor.token, dryRequest(trial, target, actor));
          cells.get(holder)?.splice(index, 1, cellOf(trial, answer, target));
        });
      }
  }
  await atMost(8, tasks);
  return { groups: holders, columns, rows: filled };
}
