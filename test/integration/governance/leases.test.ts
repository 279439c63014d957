import { v7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { consumeLease, grantLease } from "../../../activities/runs/leases.ts";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { makeOrganisation, seededRandom, type TestOrganisation, testSeed } from "../../support/organisation.ts";
import { armMind, ended } from "../../support/runs.ts";
import { asApplication } from "./stage.ts";

const tool = "execute_command";
let organisation: TestOrganisation;
let bob: Person;
let runId: string;

beforeAll(async () => {
  organisation = await makeOrganisation("leases");
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: organisation.root }] });
  const models = await armMind("leases", { reader: { turns: [{ output: { summary: "nothing" } }] } });
  const model = models["orchestrator"];
  const order = { task: "Nothing.", agent: "spender", models: { reader: model } };
  runId = (await bob.make<{ id: string }>("/runs", order)).id;
  await ended(bob, runId);
});

const grant = (calls: number) =>
  asApplication((db) =>
    db.inOrganisation(organisation.organisationId, (tx) =>
      grantLease(tx, { id: v7(), runId, tool, risk: "low", mode: "PERMISSION", grantedBy: v7() }, new Date(), {
        low: { seconds: 600, calls },
      }),
    ),
  );

const usesOf = () =>
  asSuperuser(async (sql) => {
    const uses = await sql.query<{ step_id: string; lease_id: string }>(
      "select step_id, lease_id from lease_uses where run_id = $1",
      [runId],
    );
    const left = await sql.query<{ left: number; least: number }>(
      "select sum(calls_remaining)::int as left, min(calls_remaining)::int as least from leases where run_id = $1 and tool_id = $2",
      [runId, tool],
    );
    return { uses: uses.rows, ...left.rows[0] };
  });

describe("two hundred steps that want calls of the same leases at once", () => {
  const random = seededRandom(testSeed());

  test.each([1, 7, 60])(
    "share no more than the calls there are (twice %i), each step once, whatever is undone on the way",
    async (calls) => {
      const before = await usesOf();
      await grant(calls);
      await grant(calls);
      const steps = Array.from({ length: 100 }, () => v7());
      // Each step twice: an attempt that was given up may still be at work.
      const attempts = [...steps, ...steps].map((stepId) => ({ stepId, undone: random() < 0.3, waits: random() * 20 }));
      const got = await asApplication((db) =>
        Promise.all(
          attempts.map(async ({ stepId, undone, waits }) => {
            try {
              return await db.inOrganisation(organisation.organisationId, async (tx) => {
                const lease = await consumeLease(tx, { runId, tool, stepId }, new Date());
                await tx.run("select pg_sleep($1)", [waits / 1000]);
                if (undone) throw new Error("undone");
                return lease === undefined ? undefined : { stepId, lease };
              });
            } catch (error) {
              if (error instanceof Error && error.message === "undone") return undefined;
              throw error;
            }
          }),
        ),
      );
      const after = await usesOf();
      const used = after.uses.filter(({ step_id }) => steps.includes(step_id));
      expect(used.length).toBeLessThanOrEqual(2 * calls + (before.left ?? 0));
      expect(used.length + (after.left ?? 0)).toBe(2 * calls + (before.left ?? 0));
      expect(after.least).toBeGreaterThanOrEqual(0);
      expect(new Set(used.map(({ step_id }) => step_id)).size).toBe(used.length);
      // Whoever was told yes has one, and it is the one they were told.
      const told = got.flatMap((one) => one ?? []);
      for (const { stepId, lease } of told) expect(used).toContainEqual({ step_id: stepId, lease_id: lease });
      // Nobody is refused while there is a call that nobody else wants.
      const late = await asApplication((db) =>
        db.inOrganisation(organisation.organisationId, (tx) =>
          consumeLease(tx, { runId, tool, stepId: v7() }, new Date()),
        ),
      );
      expect(late !== undefined).toBe((after.left ?? 0) > 0);
    },
  );
});
