import { beforeAll, expect, test } from "vitest";
import { appendRunEvents, requireRun } from "../../../db/queries/runs.ts";
import { query } from "../../support/database.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, ended } from "../../support/runs.ts";
import { asApplication } from "../governance/stage.ts";

let organisation: TestOrganisation;
beforeAll(async () => {
  organisation = await makeOrganisation("run-events");
});

test("a stream has each event once and each place once, however many append to it and say things twice", async () => {
  const models = await armMind("events", {
    orchestrator: { turns: [{ output: { result: "done", status: "done" } }] },
  });
  const { id } = await organisation.admin.make<{ id: string }>("/runs", { task: "Nothing.", models });
  await ended(organisation.admin, id);
  const event = (origin: string) => ({ origin, type: "run_step", payload: { origin } });
  await asApplication((db) =>
    Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        db.inOrganisation(organisation.organisationId, async (tx) => {
          const run = await requireRun(tx, id);
          // Every third repeats what another has said or is saying, before and behind something new.
          const known = event(`one:${index - (index % 3)}`);
          appendRunEvents(
            tx,
            run,
            [known, event(`one:${index}`), event(`two:${index}`)].slice(index % 3 === 0 ? 1 : 0),
          );
        }),
      ),
    ),
  );
  const rows = await query<{ position: number; origin: string }>(
    "select position, origin from run_events where root_run_id = $1 order by position",
    [id],
  );
  const appended = rows.filter(({ origin }) => /^(one|two):/.test(origin));
  expect(appended.map(({ origin }) => origin).toSorted()).toEqual(
    Array.from({ length: 60 }, (_, index) => [`one:${index}`, `two:${index}`])
      .flat()
      .toSorted(),
  );
  expect(new Set(rows.map(({ position }) => position)).size).toBe(rows.length);
});
