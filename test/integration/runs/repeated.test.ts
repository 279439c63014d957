import { afterAll, beforeAll, expect, test } from "vitest";
import { settleBudget } from "../../../activities/runs/budget-raises.ts";
import { noteRun } from "../../../activities/runs/commands.ts";
import type { RunDeps } from "../../../activities/runs/deps.ts";
import type { OrganisationId, RunId } from "../../../core/ids.ts";
import { type Database, openDatabase } from "../../../db/database.ts";
import { asSuperuser, query } from "../../support/database.ts";
import { eventually, makeOrganisation, sharedStack } from "../../support/organisation.ts";
import { armMind, decideNext, ended } from "../../support/runs.ts";

// An attempt whose time is over may still be at it when the next one is made: neither may do what the other has done.

let db: Database;
let deps: RunDeps;
let ref: { organisationId: OrganisationId; runId: RunId };
let request: string;

beforeAll(async () => {
  db = openDatabase(sharedStack().databaseUrl, { name: "powerloom-test", max: 4 });
  // All that is needed of the world to write down what is known.
  deps = { db, now: () => new Date() } as unknown as RunDeps;
  const organisation = await makeOrganisation("repeated");
  const { root } = organisation;
  const bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  const eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
  const read = { tool_uses: [{ name: "read_file", input: { path: "a.txt" } }] };
  const mind = { reader: { turns: [read, read, { output: { summary: "read" } }] } };
  const model = Object.values(await armMind("repeated", mind))[0];
  const { id } = await bob.make<{ id: string }>("/runs", {
    task: "Read.",
    agent: "spender",
    files: [{ path: "a.txt", content: "a" }],
    models: { reader: model, orchestrator: model },
    budget: { tokens: 200_000, calls: 1 },
  });
  ({ id: request } = await decideNext(eve, "deny", root, "budget"));
  await ended(bob, id);
  ref = { organisationId: organisation.organisationId as OrganisationId, runId: id as RunId };
});
afterAll(() => db.close());

const audited = async (operation: string) =>
  (
    await query<{ outcome: string }>(
      `select entry ->> 'outcome' as outcome from control_plane_audit
        where organisation_id = $1 and entry ->> 'operation' = $2 order by position`,
      [ref.organisationId, operation],
    )
  ).map(({ outcome }) => outcome);

test("a larger budget that was denied is denied, and audited, once", async () => {
  expect(await audited("run.budget")).toEqual(["pending_approval", "denied"]);
  const consumed = () => query("select consumed_at from approval_requests where id = $1", [request]);
  const before = await consumed();
  expect(await settleBudget(deps, { ...ref, requestId: request })).toMatchObject({ status: "denied" });
  expect(await audited("run.budget")).toEqual(["pending_approval", "denied"]);
  expect(await consumed()).toEqual(before);
});

test("what a rule has found is noted once by two attempts at the same moment", async () => {
  const note = { ...ref, id: "note:1", type: "loop_stopped", payload: {} } as unknown as Parameters<typeof noteRun>[1];
  await asSuperuser(async (sql) => {
    await sql.query("begin");
    await sql.query("select from agent_runs where id = $1 for update", [ref.runId]);
    const both = Promise.all([noteRun(deps, note), noteRun(deps, note)]);
    await eventually(
      async () =>
        (await query("select from pg_locks where not granted and locktype in ('transactionid', 'tuple')")).length >=
          2 || undefined,
      "both wait for the run",
    );
    await sql.query("commit");
    await both;
  });
  expect(await audited("run.loop_stopped")).toEqual(["applied"]);
});
