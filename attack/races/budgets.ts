import { holdBudget, releaseBudget } from "../../activities/runs/ou-budgets.ts";
import { type Database, openDatabase, type Sql } from "../../db/database.ts";
import { requireRun } from "../../db/queries/runs.ts";
import { storeRuns } from "../../test/integration/governance/runs-stage.ts";
import { newOrganisation, seededRandom } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";
import type { Effort, Report } from "../report.ts";

const takers = 50;
/** From the root down, each below the one before; the last two are siblings. */
const levels = ["", "/a", "/a/b", "/a/b/c", "/a/b/d"];

/**
 * Fifty runs that want to hold what they may spend at once, below budgets at every level, while others end: at no level, at
 * no moment, more than there is.
 */
export async function raceForBudgets(arena: Arena, { seed, rounds }: Effort): Promise<Report> {
  const organisation = await newOrganisation("budgets", arena);
  const { organisationId, root, admin } = organisation;
  const random = seededRandom(seed);
  const pools = [1, 2].map(() => openDatabase(arena.databaseUrl, { name: "powerloom-attack", max: 10 }));
  const [database] = pools;
  if (database === undefined) throw new Error("no connections");
  const violations: string[] = [];
  let [held, refused, looks] = [0, 0, 0];
  try {
    for (const level of levels.slice(1)) await organisation.ou(root + level);
    const { data } = await admin.get<{ data: { id: string; path: string }[] }>("/ous");
    const ids = levels.map((level) => data.find(({ path }) => path === root + level)?.id ?? "");
    const { principal_id } = await admin.get<{ principal_id: string }>("/me");
    const limit = 20_000 * rounds;
    // The further down the less: now one level is the first to run short, now another.
    for (const [level, id] of ids.entries())
      await admin.send("POST", `/ous/${id}/budget`, { tokens_limit: Math.round(limit / (1 + level / 2)) });

    for (let round = 0; round < rounds; round += 1) {
      const runs = await database.inOrganisation(organisationId, (tx) =>
        storeRuns(
          tx,
          Array.from({ length: takers }, () => ({
            ouId: ids[Math.floor(random() * ids.length)] ?? "",
            requesterId: principal_id,
            budget: { tokens: 1 + Math.floor(random() * 2_000), cost_micros: 1 },
          })),
        ),
      );
      let racing = true;
      const watching = (async () => {
        while (racing) {
          violations.push(
            ...(await read(database, overspent)).map((ou) => `budgets, round ${round}: ${ou} is overspent`),
          );
          looks += 1;
        }
      })();
      const fates = runs.map((id, index) => ({ id, used: random(), ends: random() < 0.6, pool: pools[index % 2] }));
      await Promise.all(
        fates.map(async ({ id, used, ends, pool = database }) => {
          const short = await pool.inOrganisation(organisationId, async (tx) =>
            holdBudget(tx, await requireRun(tx, id)),
          );
          if (short !== undefined) {
            refused += 1;
            return;
          }
          held += 1;
          if (!ends) return;
          // Twice at once: what is given back is given back once.
          await Promise.all(
            [1, 2].map(() =>
              pool.inOrganisation(organisationId, async (tx) => {
                const run = await requireRun(tx, id);
                const tokens = Math.floor(used * Number(run.budget.tokens ?? 0));
                await tx.run("update agent_runs set tokens_total = $2 where id = $1", [id, tokens]);
                await releaseBudget(tx, run, new Date());
              }),
            ),
          );
        }),
      );
      racing = false;
      await watching;
      violations.push(...(await read(database, miscounted)).map((ou) => `budgets, round ${round}: ${ou}`));
    }
  } finally {
    for (const pool of pools) await pool.close();
  }
  return {
    tallies: [
      {
        what: `rounds of ${takers} runs that hold and give back at ${levels.length} levels of budgets`,
        tried: rounds,
        outcome: `${held} held, ${refused} refused, looked at ${looks} times meanwhile`,
      },
    ],
    violations,
  };

  function read(from: Database, ask: (sql: Sql) => Promise<string[]>): Promise<string[]> {
    return from.readOrganisation(organisationId, ask);
  }
}

/** Budgets with more used and held than their limit. */
async function overspent(sql: Sql): Promise<string[]> {
  const rows = await sql.rows<{ path: string }>(
    "select o.path from ou_budgets b join ous o on o.id = b.ou_id where b.tokens_used + b.tokens_held > b.tokens_limit",
  );
  return rows.map(({ path }) => path);
}

/** Budgets that do not say what the holds and the runs below them do. */
async function miscounted(sql: Sql): Promise<string[]> {
  const rows = await sql.rows<{ path: string; said: string; counted: string }>(
    `select o.path, b.tokens_held || ' held, ' || b.tokens_used || ' used' as said,
            coalesce(sum(h.tokens) filter (where h.released_at is null), 0) || ' held, ' ||
            coalesce(sum(r.tokens_total) filter (where h.released_at is not null), 0) || ' used' as counted
       from ou_budgets b join ous o on o.id = b.ou_id
       left join ou_budget_holds h on h.ou_id = b.ou_id left join agent_runs r on r.id = h.root_run_id
      group by o.path, b.ou_id, b.tokens_held, b.tokens_used`,
  );
  return rows
    .filter(({ said, counted }) => said !== counted)
    .map((row) => `${row.path} says ${row.said}: ${row.counted}`);
}
