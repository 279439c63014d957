import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, decideNext, ended, eventsOf, type RunView, runWhen, type Said } from "../../support/runs.ts";

let organisation: TestOrganisation;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  organisation = await makeOrganisation("time");
  const { root } = organisation;
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
});

const use = (name: string, input: Record<string, unknown>): Said => ({ tool_uses: [{ name, input }] });
const look = use("list_directory", { path: "." });
const done: Said = { output: { summary: "done" } };
const slow = (said: Said, delay_ms: number): Said => ({ ...said, delay_ms });

async function start(
  name: string,
  agent: string,
  roles: Record<string, Said[]>,
  wall_seconds?: number,
): Promise<string> {
  const scripts = Object.fromEntries(Object.entries(roles).map(([role, turns]) => [role, { turns }]));
  const model = Object.values(await armMind(`time-${name}`, scripts))[0];
  const models = Object.fromEntries(Object.keys(roles).map((role) => [role, model]));
  const budget = { tokens: 200_000, ...(wall_seconds === undefined ? {} : { wall_seconds }) };
  const { id } = await bob.make<{ id: string }>("/runs", { task: "Work.", agent, models, budget });
  return id;
}

/** Alerts about time in a tree of runs, in order. */
async function alertsOf(id: string): Promise<{ run: string; percent: unknown; cap: unknown }[]> {
  const warned = (await eventsOf(bob, id)).filter(
    ({ type, payload }) => type === "budget_warning" && payload["unit"] === "deadline",
  );
  return warned.map(({ run_id, payload: { percent, cap } }) => ({ run: run_id, percent, cap }));
}
const percentsOf = async (id: string) => (await alertsOf(id)).map(({ percent }) => percent);

const told = (id: string, ...percents: number[]) =>
  eventually(
    async () => ((await percentsOf(id)).length >= percents.length ? true : undefined),
    `it is told at ${percents.join(" and ")} %`,
  );

const deadlineOf = async (id: string) => {
  const { started_at, budget } = await bob.get<RunView & { started_at: string }>(`/runs/${id}`);
  return Date.parse(started_at) + Number(budget["wall_seconds"]) * 1_000;
};

test("come once each while a model takes its time, as events and as audit entries", async () => {
  const id = await start("model", "planner", { planner: [slow(look, 4_000)] }, 3);
  expect(await ended(bob, id)).toMatchObject({ status: "stopped", reason: { rule: "budget-time" } });
  const cap = await deadlineOf(id);
  expect(await alertsOf(id)).toEqual([
    { run: id, percent: 70, cap },
    { run: id, percent: 90, cap },
  ]);
  const { data } = await organisation.admin.get<{ data: { act: string; body: { detail: Record<string, unknown> } }[] }>(
    `/audit?run=${id}&operation=run.budget_warning`,
  );
  const audited = data.filter(({ body }) => body.detail["unit"] === "deadline").reverse();
  expect(audited).toMatchObject([
    { act: `run:${id}`, body: { detail: { unit: "deadline", percent: 70, cap } } },
    { act: `run:${id}`, body: { detail: { unit: "deadline", percent: 90, cap } } },
  ]);
});

test.each(variant("come while the run waits for a person, and while people have paused it"))("%s", async () => {
  const write = use("write_file", { path: "a", content: "a" });
  const waiting = await start("waiting", "gullible", { gullible: [write, done] }, 3);
  const paused = await start("paused", "planner", { planner: [slow(look, 800), look, look] }, 3);
  expect((await bob.send("POST", `/runs/${paused}/pause`, {})).status).toBe(202);
  await runWhen(bob, waiting, ({ status }) => status === "waiting", "it asks");
  for (const id of [waiting, paused]) {
    await told(id, 70, 90);
    expect(await percentsOf(id)).toEqual([70, 90]);
  }
  expect(await bob.get(`/runs/${waiting}`)).toMatchObject({ status: "waiting" });
  expect(await bob.get(`/runs/${paused}`)).toMatchObject({ status: "paused" });
  await decideNext(eve, "approve", organisation.root);
  expect((await bob.send("POST", `/runs/${paused}/resume`, {})).status).toBe(202);
  for (const id of [waiting, paused]) {
    await ended(bob, id);
    expect(await percentsOf(id)).toEqual([70, 90]);
  }
});

test.each(variant("begin anew with time that is given, of which nothing is used yet"))("%s", async () => {
  const id = await start("given", "spender", { reader: [slow(look, 2_500), slow(done, 2_500)] }, 2);
  await runWhen(bob, id, ({ status }) => status === "waiting", "it asks for more time");
  const first = await alertsOf(id);
  expect(first.map(({ percent }) => percent)).toEqual([70, 90]);
  await decideNext(eve, "approve", organisation.root, "budget");
  expect(await ended(bob, id)).toMatchObject({ status: "completed" });
  const all = await alertsOf(id);
  expect(all.map(({ percent }) => percent)).toEqual([70, 90, 70, 90]);
  const caps = all.map(({ cap }) => Number(cap));
  expect(caps[2]).toBeGreaterThan(caps[0] ?? Number.NaN);
  expect(caps[3]).toBe(caps[2]);
});

test.each(variant("are of the run that has the limit: a subagent's own ends it, its parent's is the parent's to tell"))(
  "%s",
  async () => {
    const turns = (agent: string) => [use("delegate", { agent, input: { task: "Look." } }), done];
    const own = await start(
      "own",
      "spending-desk",
      { orchestrator: turns("hasty"), reader: [slow(look, 2_500), done] },
      600,
    );
    const { children, status } = await ended(bob, own);
    expect(status).toBe("completed");
    expect(children).toMatchObject([{ agent: "hasty", status: "stopped", reason: { rule: "budget-time" } }]);
    expect((await alertsOf(own)).map(({ run, percent }) => [run, percent])).toEqual([
      [children[0]?.id, 70],
      [children[0]?.id, 90],
    ]);
    const above = await start(
      "above",
      "spending-desk",
      { orchestrator: turns("spender"), reader: [slow(done, 4_000)] },
      3,
    );
    await told(above, 70, 90);
    expect((await alertsOf(above)).map(({ run, percent }) => [run, percent])).toEqual([
      [above, 70],
      [above, 90],
    ]);
    await bob.send("POST", `/runs/${above}/cancel`, {});
    await ended(bob, above);
  },
);

test("do not come where there is no limit on time, nor when most of it is left", async () => {
  for (const [name, seconds] of [
    ["none", undefined],
    ["plenty", 600],
  ] as const) {
    const id = await start(name, "planner", { planner: [look, look, slow(look, 30_000)] }, seconds);
    await runWhen(bob, id, ({ used }) => used.calls >= 2, "it works");
    expect((await bob.send("POST", `/runs/${id}/cancel`, {})).status).toBe(202);
    await ended(bob, id);
    expect(await alertsOf(id)).toEqual([]);
  }
});
