import { v7 } from "uuid";
import { consumeLease, grantLease } from "../../activities/runs/leases.ts";
import { openDatabase } from "../../db/database.ts";
import { storeRuns } from "../../test/integration/governance/runs-stage.ts";
import { newOrganisation, seededRandom } from "../../test/support/new-organisation.ts";
import type { Arena } from "../arena.ts";
import type { Effort, Report } from "../report.ts";

const takers = 50;
const tool = "execute_command";

/**
 * Fifty steps that want a call of the same leases at once, over two pools of connections, some of them twice, some undone,
 * some with their connection cut: never more calls than there are, and none lost.
 */
export async function raceForLeases(arena: Arena, { seed, rounds }: Effort): Promise<Report> {
  const { organisationId, root, admin } = await newOrganisation("leases", arena);
  const random = seededRandom(seed);
  const pools = [1, 2].map(() => openDatabase(arena.databaseUrl, { name: "powerloom-attack", max: 12 }));
  const [database] = pools;
  if (database === undefined) throw new Error("no connections");
  const violations: string[] = [];
  let [granted, taken, undone] = [0, 0, 0];
  try {
    const ou = (await admin.get<{ data: { id: string; path: string }[] }>("/ous")).data.find(
      (one) => one.path === root,
    );
    const me = await admin.get<{ principal_id: string }>("/me");
    for (let round = 0; round < rounds; round += 1) {
      const calls = 1 + Math.floor(random() * takers);
      const runId = await database.inOrganisation(organisationId, async (tx) => {
        const order = { ouId: ou?.id ?? "", requesterId: me.principal_id, budget: {} };
        const [id = ""] = await storeRuns(tx, [order]);
        const lease = { runId: id, tool, risk: "low" as const, mode: "PERMISSION" as const };
        // In two leases: the second is begun while others still take from the first.
        for (const part of [Math.ceil(calls / 2), Math.floor(calls / 2)])
          if (part > 0)
            grantLease(tx, { ...lease, id: v7(), grantedBy: v7() }, new Date(), { low: { seconds: 600, calls: part } });
        return id;
      });
      const steps = Array.from({ length: takers - 10 }, () => v7());
      // Ten of them twice: an attempt that was given up may still be at work.
      const attempts = [...steps, ...steps.slice(0, 10)].map((stepId) => ({ stepId, fate: random() }));
      const got = await Promise.all(
        attempts.map(async ({ stepId, fate }, index) => {
          try {
            const lease = await (pools[index % 2] ?? database).inOrganisation(organisationId, async (tx) => {
              const found = await consumeLease(tx, { runId, tool, stepId }, new Date());
              if (fate < 0.2) throw new Error("undone");
              if (fate < 0.3) await tx.rows("select pg_terminate_backend(pg_backend_pid())");
              return found;
            });
            return lease === undefined ? undefined : { stepId, lease };
          } catch {
            undone += 1;
            return undefined;
          }
        }),
      );
      const { uses, left, least } = await database.readOrganisation(organisationId, async (sql) => ({
        uses: await sql.rows<{ step_id: string; lease_id: string }>(
          "select step_id, lease_id from lease_uses where run_id = $1",
          [runId],
        ),
        ...((await sql.maybe<{ left: number; least: number }>(
          "select sum(calls_remaining)::int as left, min(calls_remaining)::int as least from leases where run_id = $1",
          [runId],
        )) ?? { left: 0, least: 0 }),
      }));
      const must = (holds: boolean, what: string) => {
        if (!holds) violations.push(`leases, round ${round}: ${what} (run ${runId})`);
      };
      must(uses.length + left === calls, `${calls} calls, ${uses.length} used, ${left} left`);
      must(least >= 0, `a lease has ${least} calls left`);
      must(new Set(uses.map(({ step_id }) => step_id)).size === uses.length, "a step has used two calls");
      for (const one of got)
        if (one !== undefined)
          must(
            uses.some(({ step_id, lease_id }) => step_id === one.stepId && lease_id === one.lease),
            `step ${one.stepId} was told yes, and has used nothing`,
          );
      granted += calls;
      taken += uses.length;
    }
  } finally {
    for (const pool of pools) await pool.close();
  }
  return {
    tallies: [
      {
        what: `rounds of ${takers} attempts at the calls of two leases`,
        tried: rounds,
        outcome: `${granted} calls granted, ${taken} used, ${undone} attempts undone or cut off`,
      },
    ],
    violations,
  };
}
