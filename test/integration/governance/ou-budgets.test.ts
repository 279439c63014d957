import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { holdBudget, releaseBudget } from "../../../activities/runs/ou-budgets.ts";
import { type Database, openDatabase, type Tx } from "../../../db/database.ts";
import { type RunBudget, requireRun } from "../../../db/queries/runs.ts";
import type { Person } from "../../../demo/api.ts";
import {
  eventually,
  makeOrganisation,
  seededRandom,
  sharedStack,
  type TestOrganisation,
  testSeed,
} from "../../support/organisation.ts";
import { storeRuns } from "./runs-stage.ts";
import { askForApproval, auditAbout, call, expireBindingsOf, inOrganisation, stateOf, withRole } from "./stage.ts";

type Limits = { tokens_limit?: number | null; cost_usd_limit?: number | null };

interface World extends TestOrganisation {
  adminId: string;
  /** By path. */
  ids: Map<string, string>;
  a: string;
  b: string;
}

/** An organisation with two OUs below its root, and one below the first of them. */
async function makeWorld(label: string): Promise<World> {
  const organisation = await makeOrganisation(label);
  const { admin, root } = organisation;
  const [a, b] = [await organisation.ou(`${root}/a`), await organisation.ou(`${root}/b`)];
  await organisation.ou(`${a}/deep`);
  const { data } = await admin.get<{ data: { id: string; path: string }[] }>("/ous");
  const { principal_id: adminId } = await admin.get<{ principal_id: string }>("/me");
  return { ...organisation, adminId, ids: new Map(data.map(({ id, path }) => [path, id])), a, b };
}

const set = (
  person: Pick<Person, "token">,
  world: World,
  ou: string,
  limits: Limits,
  headers?: Record<string, string>,
) => call(person, "POST", `/ous/${world.ids.get(ou)}/budget`, limits, headers);

async function budgetsOf(person: Person, query = ""): Promise<Record<string, Record<string, unknown>>> {
  const { data } = await person.get<{ data: { ou_path: string }[] }>(`/budgets${query}`);
  return Object.fromEntries(data.map((budget) => [budget.ou_path, budget]));
}

/** Stores runs, one for each of the given. */
const stored = (world: World, runs: readonly { ou: string; budget: RunBudget }[]) =>
  inOrganisation(world.organisationId, (tx) =>
    storeRuns(
      tx,
      runs.map(({ ou, budget }) => ({ ouId: world.ids.get(ou) ?? "", requesterId: world.adminId, budget })),
    ),
  );

/** Runs that go on. Without the time at which they began no sweep looks for their workflows, which are not there. */
const begun = (world: World, runs: readonly string[]) =>
  inOrganisation(world.organisationId, (tx) =>
    tx.run("update agent_runs set status = 'running', completed_at = null where id = any ($1::uuid[])", [runs]),
  );

/** The run has ended, and has used so much. */
async function end(tx: Tx, runId: string, used: { tokens: number; costMicros: number }): Promise<void> {
  await tx.run("update agent_runs set tokens_total = $2, cost_micros_total = $3 where id = $1", [
    runId,
    used.tokens,
    used.costMicros,
  ]);
  await releaseBudget(tx, await requireRun(tx, runId), new Date());
}

describe("a first budget, set while runs go on", () => {
  const at = async (world: World, ou: string) => (await budgetsOf(world.admin))[ou];
  const hold = (world: World, id: string | undefined) =>
    inOrganisation(world.organisationId, async (tx) => holdBudget(tx, await requireRun(tx, id ?? "")));
  const finish = (world: World, id: string | undefined, tokens: number) =>
    inOrganisation(world.organisationId, async (tx) => {
      await end(tx, id ?? "", { tokens, costMicros: 0 });
      await tx.run("update agent_runs set status = 'completed', completed_at = clock_timestamp() where id = $1", [id]);
    });

  test("counts what they may use from the next reservation on, and what they have used at their end, once", async () => {
    const world = await makeWorld("later");
    expect((await set(world.admin, world, world.root, { tokens_limit: 10_000 })).status).toBe(200);
    const one = { ou: `${world.a}/deep`, budget: { tokens: 600 } };
    const [going, over, elsewhere, next, small] = await stored(world, [
      one,
      { ou: world.a, budget: { tokens: 100 } },
      { ou: world.b, budget: { tokens: 50 } },
      { ou: world.a, budget: { tokens: 500 } },
      { ou: world.a, budget: { tokens: 300 } },
    ]);
    for (const id of [going, over, elsewhere]) expect(await hold(world, id)).toBeUndefined();
    await begun(world, [going, over, elsewhere].map(String));
    expect((await set(world.admin, world, world.a, { tokens_limit: 1_000 })).status).toBe(200);
    // It ends before anybody reserves there.
    await finish(world, over, 40);
    expect(await at(world, world.a)).toMatchObject({ tokens_used: 40, tokens_held: 0 });
    expect(await hold(world, next)).toContain(`\`${world.a}\` has 360 tokens left`);
    expect(await at(world, world.a)).toMatchObject({ tokens_used: 40, tokens_held: 600 });
    expect(await hold(world, small)).toBeUndefined();
    expect(await at(world, world.a)).toMatchObject({ tokens_used: 40, tokens_held: 900 });
    for (let again = 0; again < 2; again += 1) await finish(world, going, 250);
    expect(await at(world, world.a)).toMatchObject({ tokens_used: 290, tokens_held: 300 });
    expect(await at(world, world.root)).toMatchObject({ tokens_used: 290, tokens_held: 350 });
  });

  test("that is too small for them holds them all the same, and lets no new one in", async () => {
    const world = await makeWorld("tight");
    const [going, next] = await stored(world, [
      { ou: world.a, budget: { tokens: 600 } },
      { ou: world.a, budget: { tokens: 1 } },
    ]);
    expect(await hold(world, going)).toBeUndefined();
    await begun(world, [String(going)]);
    expect((await set(world.admin, world, world.a, { tokens_limit: 10 })).status).toBe(200);
    expect(await hold(world, next)).toContain("tokens left");
    expect(await at(world, world.a)).toMatchObject({ tokens_used: 0, tokens_held: 600, tokens_left: 0 });
    await finish(world, going, 5);
    expect(await at(world, world.a)).toMatchObject({ tokens_used: 5, tokens_held: 0, tokens_left: 5 });
    expect(await hold(world, next)).toBeUndefined();
  });

  test("knows nothing of the runs of others", async () => {
    const [world, other] = [await makeWorld("mine"), await makeWorld("theirs")];
    const [foreign] = await stored(other, [{ ou: other.root, budget: { tokens: 600 } }]);
    await begun(other, [String(foreign)]);
    const [own] = await stored(world, [{ ou: world.root, budget: { tokens: 5 } }]);
    expect((await set(world.admin, world, world.root, { tokens_limit: 10 })).status).toBe(200);
    expect(await hold(world, own)).toBeUndefined();
    expect(await at(world, world.root)).toMatchObject({ tokens_held: 5 });
  });
});

describe("the budget of an OU", () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld("budget");
  });

  test("is set by an OrgAdmin there or above, limit by limit, of the version that was meant", async () => {
    const first = await set(world.admin, world, world.a, { tokens_limit: 1000, cost_usd_limit: 1.5 });
    expect(first).toMatchObject({
      status: 200,
      body: { ou_path: world.a, tokens_limit: 1000, tokens_left: 1000, cost_usd_limit: 1.5, version: 1 },
    });
    expect(first.headers.get("etag")).toBe('"1"');
    expect((await set(world.admin, world, world.a, { tokens_limit: 5 }, { "If-Match": '"7"' })).status).toBe(412);
    expect((await set(world.admin, world, world.a, { tokens_limit: 1000 })).status).toBe(422);
    expect((await set(world.admin, world, world.a, {})).status).toBe(422);
    for (const wrong of [{ tokens_limit: -1 }, { tokens_limit: 0.5 }, { cost_usd_limit: -1 }])
      expect((await set(world.admin, world, world.a, wrong)).status).toBe(422);
    const second = await set(world.admin, world, world.a, { cost_usd_limit: null }, { "If-Match": '"1"' });
    expect(second.body).toMatchObject({ tokens_limit: 1000, cost_usd_limit: null, cost_usd_left: null, version: 2 });
    const entries = await auditAbout(world.organisationId, second.headers.get("powerloom-request-id") ?? "");
    expect(entries).toMatchObject([
      { operation: "budget.set", outcome: "applied", target: `ou_budget:${world.ids.get(world.a)}` },
    ]);
    const local = await withRole(world, "OrgAdmin", "local", world.b);
    expect((await set(local, world, world.b, { tokens_limit: 10 })).status).toBe(200);
    expect((await set(local, world, world.root, { tokens_limit: 10 })).status).toBe(403);
    expect((await set(local, world, world.a, { tokens_limit: 10 })).status).toBe(403);
  });

  test("is not set without budget:update there, nor after the role has ended, nor for another organisation", async () => {
    const former = await withRole(world, "OrgAdmin", "former");
    await expireBindingsOf(former);
    const people = [former, await withRole(world, "OUAdmin"), await withRole(world, "Auditor")];
    const before = await stateOf(world.organisationId);
    for (const person of people) {
      const answer = await set(person, world, world.a, { tokens_limit: 5 });
      expect(answer).toMatchObject({
        status: 403,
        body: { missing: { permission: "budget:update", ou: world.a } },
      });
      const entries = await auditAbout(world.organisationId, String(answer.body["request_id"]));
      expect(entries).toMatchObject([{ operation: "budget.set", outcome: "refused" }]);
    }
    const stranger = await makeOrganisation("budget-other");
    expect((await set(stranger.admin, world, world.a, { tokens_limit: 5 })).status).toBe(404);
    expect(await budgetsOf(stranger.admin)).toEqual({});
    expect(await stateOf(world.organisationId)).toBe(before);
  });

  test("is seen by who holds budget:read there", async () => {
    const head = await withRole(world, "OUAdmin", "head", world.a);
    expect(Object.keys(await budgetsOf(head))).toEqual([world.a]);
    for (const person of [world.admin, await withRole(world, "Auditor", "reader")])
      expect(Object.keys(await budgetsOf(person)).sort()).toEqual([world.a, world.b]);
    expect(Object.keys(await budgetsOf(world.admin, `?ou=${world.b}`))).toEqual([world.b]);
    expect(await budgetsOf(await withRole(world, "Viewer"))).toEqual({});
  });

  test("shows what is used and held, and may be set below it: that only stops new runs, and says so", async () => {
    const there = await makeWorld("lowered");
    await set(there.admin, there, there.a, { tokens_limit: 1000, cost_usd_limit: 1 });
    const budget = { tokens: 300, cost_micros: 250_000 };
    const [done = "", open = "", late = ""] = await stored(there, [
      { ou: there.a, budget },
      { ou: there.a, budget },
      { ou: there.a, budget },
    ]);
    const hold = (id: string) =>
      inOrganisation(there.organisationId, async (tx) => holdBudget(tx, await requireRun(tx, id)));
    expect([await hold(done), await hold(open)]).toEqual([undefined, undefined]);
    await inOrganisation(there.organisationId, (tx) => end(tx, done, { tokens: 200, costMicros: 100_000 }));
    expect((await budgetsOf(there.admin))[there.a]).toMatchObject({
      tokens_used: 200,
      tokens_held: 300,
      tokens_left: 500,
      cost_usd_used: 0.1,
      cost_usd_held: 0.25,
      cost_usd_left: 0.65,
    });
    const tried = await call(there.admin, "POST", `/ous/${there.ids.get(there.a)}/budget?dryRun=true`, {
      tokens_limit: 400,
    });
    expect(tried.body).toMatchObject({
      decision: "allowed",
      diff: {
        before: { tokens_limit: 1000, cost_usd_limit: 1 },
        after: { tokens_limit: 400, cost_usd_limit: 1 },
        summary: expect.stringMatching(/200 tokens and \$0\.1;.*300 tokens and \$0\.25\..*no new one starts/),
      },
    });
    const lowered = await set(there.admin, there, there.a, { tokens_limit: 400 });
    expect(lowered).toMatchObject({ status: 200, body: { tokens_limit: 400, tokens_used: 200, tokens_left: 0 } });
    expect(await hold(late)).toContain(there.a);
    // What goes on goes on, and is counted at its end.
    await inOrganisation(there.organisationId, (tx) => end(tx, open, { tokens: 300, costMicros: 0 }));
    expect((await budgetsOf(there.admin))[there.a]).toMatchObject({ tokens_used: 500, tokens_held: 0, tokens_left: 0 });
  });

  test("set under a policy waits, and stays approved though runs go on using it; another change makes it stale", async () => {
    const there = await makeWorld("policed");
    const approver = await withRole(there, "Approver");
    await set(there.admin, there, there.root, { tokens_limit: 10_000 });
    await there.admin.make("/approval-policies", { name: "purse", ou: there.root, operations: ["budget.set"] });
    const ask = (tokens_limit: number) =>
      askForApproval(there.admin, `/ous/${there.ids.get(there.root)}/budget`, { tokens_limit });
    const approve = async ({ id, digest }: { id: string; digest: string }) => {
      const answer = await call(approver, "POST", `/approvals/${id}/votes`, { decision: "approve", digest });
      expect(answer.body["status"]).toBe("approved");
      return eventually(async () => {
        const request = await there.admin.get<{ status: string; problem: { code: string } | null }>(`/requests/${id}`);
        return request.status === "pending_approval" ? undefined : (request.problem?.code ?? request.status);
      }, `${id} is decided`);
    };
    const [first, second] = [await ask(20_000), await ask(30_000)];
    const [run = ""] = await stored(there, [{ ou: there.a, budget: { tokens: 10 } }]);
    await inOrganisation(there.organisationId, async (tx) => holdBudget(tx, await requireRun(tx, run)));
    expect(await approve(first)).toBe("applied");
    expect((await budgetsOf(there.admin))[there.root]).toMatchObject({ tokens_limit: 20_000, tokens_held: 10 });
    expect(await approve(second)).toBe("approval_stale");
  });
});

describe("what runs hold of the budgets above them", () => {
  const connections = 100;
  let db: Database;
  beforeAll(() => {
    db = openDatabase(sharedStack().databaseUrl, { name: "powerloom-test", max: connections });
  });
  afterAll(() => db.close());

  const patient = { statementMs: 60_000, lockMs: 60_000 };
  const hold = (world: World, id: string) =>
    db.inOrganisation(world.organisationId, async (tx) => holdBudget(tx, await requireRun(tx, id)), patient);

  interface Level {
    path: string;
    limit: { tokens: number | null; cost: number | null };
    used: { tokens: number; cost: number };
    held: { tokens: number; cost: number };
  }
  async function levelsOf(world: World): Promise<Level[]> {
    const rows = await db.readOrganisation(world.organisationId, (sql) =>
      sql.rows<Record<string, string | null> & { path: string }>(
        "select o.path, b.* from ou_budgets b join ous o on o.id = b.ou_id order by o.path",
      ),
    );
    const number = (value: string | null | undefined) => (value === null || value === undefined ? null : Number(value));
    const both = (row: Record<string, string | null>, kind: "used" | "held") => ({
      tokens: Number(row[`tokens_${kind}`]),
      cost: Number(row[`cost_micros_${kind}`]),
    });
    return rows.map((row) => ({
      path: row.path,
      limit: { tokens: number(row["tokens_limit"]), cost: number(row["cost_micros_limit"]) },
      used: both(row, "used"),
      held: both(row, "held"),
    }));
  }
  const exceeded = (levels: readonly Level[]) =>
    levels.filter(
      ({ limit, used, held }) =>
        used.tokens + held.tokens > (limit.tokens ?? Number.POSITIVE_INFINITY) ||
        used.cost + held.cost > (limit.cost ?? Number.POSITIVE_INFINITY),
    );

  test("is never more than they have, whatever 200 that start at once in two OUs ask for", async () => {
    const world = await makeWorld("crowd");
    await set(world.admin, world, world.root, { tokens_limit: 10_000 });
    await set(world.admin, world, world.a, { tokens_limit: 4_000 });
    const ids = await stored(
      world,
      Array.from({ length: 200 }, (_, index) => ({
        ou: index % 2 === 0 ? world.a : world.b,
        budget: { tokens: 100, cost_micros: 1 },
      })),
    );
    // Every connection is there before the first asks.
    await Promise.all(Array.from({ length: connections }, () => db.anywhere.rows("select pg_sleep(0.2)")));
    expect(db.pool.totalCount).toBe(connections);
    // On a busy machine the last wait longer for a connection than the pool lets them: they ask again.
    const patient = (id: string): ReturnType<typeof hold> =>
      hold(world, id).catch((error: unknown) => {
        if (error instanceof Error && /timeout exceeded when trying to connect/.test(error.message)) return patient(id);
        throw error;
      });
    const refusals = await Promise.all(ids.map(patient));

    const granted = (ou: "a" | "b") =>
      refusals.filter((refusal, index) => refusal === undefined && index % 2 === (ou === "a" ? 0 : 1)).length;
    // Whoever was refused found no room: the root is full, and `a` has taken no more than its own.
    expect(granted("a") + granted("b")).toBe(100);
    expect(granted("a")).toBeLessThanOrEqual(40);
    for (const refusal of refusals) if (refusal !== undefined) expect(refusal).toMatch(/has \d+ tokens left/);
    const levels = await levelsOf(world);
    expect(levels.map(({ path, held }) => [path, held.tokens])).toEqual([
      [world.root, 10_000],
      [world.a, granted("a") * 100],
    ]);
    const holds = await db.readOrganisation(world.organisationId, (sql) =>
      sql.rows<{ path: string; total: string }>(
        "select o.path, sum(h.tokens) as total from ou_budget_holds h join ous o on o.id = h.ou_id group by 1 order by 1",
      ),
    );
    expect(holds.map(({ path, total }) => [path, Number(total)])).toEqual(
      levels.map(({ path, held }) => [path, held.tokens]),
    );
  });

  test("and what they have used stays within the limits at every level at all times, and is what the runs say", async () => {
    const random = seededRandom(testSeed());
    const below = (most: number) => Math.floor(random() * most);
    const world = await makeWorld("random");
    const deep = `${world.a}/deep`;
    for (const [ou, limits] of [
      [world.root, { tokens_limit: 20_000, cost_usd_limit: 0.02 }],
      [world.a, { tokens_limit: 12_000 }],
      [world.b, { cost_usd_limit: 0.006 }],
      [deep, { tokens_limit: 5_000, cost_usd_limit: 0.004 }],
    ] as const)
      await set(world.admin, world, ou, limits);
    const places = [world.root, world.a, world.b, deep];
    const runs = Array.from({ length: 240 }, () => ({
      ou: places[below(places.length)] ?? world.root,
      budget: { tokens: 1 + below(1500), cost_micros: 1 + below(1500) },
    }));
    const ids = await stored(world, runs);
    const open = new Map<string, (typeof runs)[number]>();
    const used: { ou: string; tokens: number; cost: number }[] = [];

    let watching = true;
    const watched = (async () => {
      const faults: Level[] = [];
      for (; watching; await new Promise((resolve) => setTimeout(resolve, 2)))
        faults.push(...exceeded(await levelsOf(world)));
      return faults;
    })();

    const release = (id: string, run: (typeof runs)[number]) => {
      // The whole of it now and then.
      const part = random() < 0.3 ? 1 : random();
      const spent = {
        tokens: Math.floor(run.budget.tokens * part),
        costMicros: Math.floor(run.budget.cost_micros * part),
      };
      open.delete(id);
      used.push({ ou: run.ou, tokens: spent.tokens, cost: spent.costMicros });
      const once = () => db.inOrganisation(world.organisationId, (tx) => end(tx, id, spent), patient);
      // A repeated attempt charges nothing again.
      return random() < 0.2 ? once().then(once) : once();
    };
    const start = async (id: string, run: (typeof runs)[number]) => {
      if ((await hold(world, id)) === undefined) open.set(id, run);
    };
    let refused = 0;
    for (let next = 0; next < ids.length; ) {
      const batch: Promise<void>[] = [];
      for (const [id, run] of open) if (random() < 0.35) batch.push(release(id, run));
      const before = open.size;
      const starting = 1 + below(12);
      for (let count = 0; count < starting && next < ids.length; count += 1, next += 1) {
        const run = runs[next];
        if (run !== undefined) batch.push(start(ids[next] ?? "", run));
      }
      await Promise.all(batch);
      refused += starting - (open.size - before);
      const levels = await levelsOf(world);
      expect(exceeded(levels)).toEqual([]);
      for (const { path, used: usedThere, held } of levels) {
        const under = (ou: string) => ou === path || ou.startsWith(`${path}/`);
        const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0);
        const holding = [...open.values()].filter(({ ou }) => under(ou)).map(({ budget }) => budget);
        const ended = used.filter(({ ou }) => under(ou));
        expect([path, held, usedThere]).toEqual([
          path,
          {
            tokens: sum(holding.map(({ tokens }) => tokens)),
            cost: sum(holding.map(({ cost_micros }) => cost_micros)),
          },
          { tokens: sum(ended.map(({ tokens }) => tokens)), cost: sum(ended.map(({ cost }) => cost)) },
        ]);
      }
    }
    watching = false;
    expect(await watched).toEqual([]);
    // Some had room and some had not: else nothing was tried.
    expect(used.length).toBeGreaterThan(5);
    expect(refused).toBeGreaterThan(5);
  });
});
