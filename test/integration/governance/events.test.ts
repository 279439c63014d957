import { expect, test } from "vitest";
import { signIn } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { follow } from "../../support/event-stream.ts";
import { makeOrganisation, sharedStack } from "../../support/organisation.ts";
import { call, inOrganisation, withRole } from "./stage.ts";

test("the event stream delivers what the caller may read and nothing else, and resumes where it was", async () => {
  const organisation = await makeOrganisation("events");
  const { admin, root } = organisation;
  const sales = await organisation.ou(`${root}/sales`);
  const hr = await organisation.ou(`${root}/hr`);
  const viewer = await withRole(organisation, "Viewer", "viewer", sales);
  const stranger = await makeOrganisation("events-other");
  await admin.make("/approval-policies", { name: "p", ou: sales, operations: ["ou.create"] });

  const [all, some, none] = await Promise.all([follow(admin), follow(viewer), follow(stranger.admin)]);
  await admin.make("/groups", { name: "in-sales", ou: sales });
  await admin.make("/groups", { name: "in-hr", ou: hr });
  expect((await call(admin, "POST", "/ous", { parent: sales, name: "waiting" })).status).toBe(202);
  await admin.make("/groups", { name: "in-sales-too", ou: sales });
  await Promise.all([all.until("in-sales-too"), some.until("in-sales-too")]);
  expect(all.seen.map((event) => event.type)).toEqual([
    "group.create",
    "group.create",
    "approval.requested",
    "group.create",
  ]);
  // No approval:read for a Viewer, no hr, nothing of before.
  expect(some.seen.map((event) => event.summary)).toEqual([
    `Create group in-sales in ${sales}`,
    `Create group in-sales-too in ${sales}`,
  ]);
  expect(none.seen).toEqual([]);
  await Promise.all([all.close(), some.close(), none.close()]);

  const resumed = await follow(admin, { "Last-Event-ID": `${all.seen[1]?.id}` });
  await resumed.until("in-sales-too");
  expect(resumed.seen).toEqual(all.seen.slice(2));
  await resumed.close();
  const fromStart = await follow(viewer, { "Last-Event-ID": "0" });
  await fromStart.until("in-sales-too");
  const types = ["binding.create", "policy.create", "group.create", "group.create"];
  expect(fromStart.seen.map((event) => event.type)).toEqual(types);
  await fromStart.close();
  expect((await call(admin, "GET", "/events?after=x")).status).toBe(422);
});

test("hundreds of events somebody may not read do not hold up the one they may", async () => {
  const organisation = await makeOrganisation("crowd");
  const { admin, root, organisationId } = organisation;
  const sales = await organisation.ou(`${root}/sales`);
  const viewer = await withRole(organisation, "Viewer", "viewer", sales);
  await inOrganisation(organisationId, (tx) =>
    tx.run(
      `insert into change_events (organisation_id, type, ou_id, permission, payload)
       select $1, 'noise', (select id from ous where path = $2), 'ou:read', '{"summary": "noise"}' from generate_series(1, 450)`,
      [organisationId, root],
    ),
  );
  await admin.make("/groups", { name: "needle", ou: sales });
  const stream = await follow(viewer, { "Last-Event-ID": "0" });
  await stream.until("needle");
  expect(stream.seen.map((event) => event.type)).toEqual(["binding.create", "group.create"]);
  await stream.close();
});

test("an event written early and committed late is not lost behind those in between", async () => {
  const organisation = await makeOrganisation("late");
  const { admin, root, organisationId } = organisation;
  const stream = await follow(admin);
  await asSuperuser(async (slow) => {
    const insert = (name: string) =>
      `insert into change_events (organisation_id, type, ou_id, permission, payload)
       select '${organisationId}', 'test', id, 'ou:read', '{"summary": "${name}"}' from ous where path = '${root}'`;
    // The quick one starts first, so it has the lower transaction; the slow one takes the lower position.
    await asSuperuser(async (quick) => {
      await quick.query("begin");
      await quick.query("select pg_current_xact_id()");
      await slow.query("begin");
      await slow.query(insert("slow"));
      await quick.query(insert("quick"));
      await quick.query("commit");
    });
    await stream.until("quick");
    await new Promise((resolve) => setTimeout(resolve, 600));
    await slow.query("commit");
  });
  await stream.until("slow");
  await stream.close();
  expect(stream.seen.map((event) => event.summary)).toEqual(["quick", "slow"]);
  // Resuming after the last one seen does not show the other again.
  const resumed = await follow(admin, { "Last-Event-ID": `${stream.seen[1]?.id}` });
  await admin.make("/groups", { name: "after", ou: root });
  await resumed.until("after");
  expect(resumed.seen.map((event) => event.type)).toEqual(["group.create"]);
  await resumed.close();
});

test("a binding taken away silences the stream at once", async () => {
  const organisation = await makeOrganisation("silence");
  const { admin, root } = organisation;
  const person = await organisation.person("watcher");
  const binding = await admin.make<{ id: string }>("/bindings", { role: "Viewer", ou: root, user: person.email });
  const stream = await follow(await signIn(sharedStack().apiUrl, person.email));
  await admin.make("/groups", { name: "seen", ou: root });
  await stream.until("seen");
  await call(admin, "DELETE", `/bindings/${binding.id}`);
  await admin.make("/groups", { name: "unseen", ou: root });
  await new Promise((resolve) => setTimeout(resolve, 800));
  expect(stream.seen.map((event) => event.summary).join()).not.toContain("unseen");
  await stream.close();
});
