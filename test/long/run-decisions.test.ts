import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../demo/api.ts";
import { openStage, type Stage } from "../durability/stage.ts";
import { agentsDirectory } from "../support/global-setup.ts";
import { makeOrganisation, type TestOrganisation } from "../support/organisation.ts";
import { armMind, ended, eventsOf, runWhen, type Said } from "../support/runs.ts";

// What people decide about a run while its worker is away: the worker is frozen before the vote and killed after it.

let stage: Stage;
let organisation: TestOrganisation;
let bob: Person;
let eve: Person;
let part: string;

beforeAll(async () => {
  stage = await openStage({ without: ["mcp"], extraEnvironment: { POWERLOOM_AGENTS_DIR: agentsDirectory } });
  const { apiUrl, databaseUrl } = stage.stack;
  organisation = await makeOrganisation("decided", { apiUrl, databaseUrl });
  const { root, admin } = organisation;
  part = await organisation.ou(`${root}/part`);
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
  // One budget above the run and one above that: a raise is held at both, once.
  const { data } = await admin.get<{ data: { id: string }[] }>("/ous");
  for (const { id } of data) await admin.make(`/ous/${id}/budget`, { tokens_limit: 1_000_000 });
});
afterAll(() => stage?.close());

const rows = <Row>(text: string, id: string) => stage.witness.rows<Row>(text, [id]);

interface Waiting {
  run: string;
  request: string;
}

async function waitingFor(kind: string, run: string): Promise<Waiting> {
  const { waiting_for } = await runWhen(bob, run, ({ status }) => status === "waiting", "it asks");
  expect(waiting_for).toMatch(new RegExp(`^${kind}_`));
  return { run, request: waiting_for ?? "" };
}

const done: Said = { output: { summary: "done" } };

/** A run that has used its 30,000 tokens and waits for as many again. */
async function wantsMore(name: string): Promise<Waiting> {
  const look = { tool_uses: [{ name: "read_file", input: { path: "a.txt" } }], usage: { input_tokens: 29_000 } };
  const models = await armMind(name, { reader: { turns: [look, done] } }, stage.stack.simulatorUrl);
  const { id } = await bob.make<{ id: string }>("/runs", {
    task: "Read.",
    agent: "spender",
    ou: part,
    files: [{ path: "a.txt", content: "a" }],
    models: { reader: models["planner"] },
    budget: { tokens: 30_000 },
  });
  return waitingFor("budget", id);
}

/** A run that waits to be allowed to write a file. */
async function wantsToWrite(name: string): Promise<Waiting> {
  const write = { tool_uses: [{ name: "write_file", input: { path: "b.txt", content: "b" } }] };
  const models = await armMind(name, { gullible: { turns: [write, done] } }, stage.stack.simulatorUrl);
  const { id } = await bob.make<{ id: string }>("/runs", {
    task: "Write.",
    agent: "gullible",
    ou: part,
    models: { gullible: models["planner"] },
    budget: { tokens: 60_000 },
  });
  return waitingFor("perm", id);
}

const vote = async (request: string) => {
  const { digest } = await eve.get<{ digest: string }>(`/approvals/${request}`);
  return eve.send("POST", `/approvals/${request}/votes`, { decision: "approve", digest, reason: "as the test says" });
};

/** Nobody has acted on the request yet, and its time is over. */
async function isLate(request: string): Promise<void> {
  const [row] = await rows<{ late: boolean; consumed_at: Date | null }>(
    "select expires_at < clock_timestamp() as late, consumed_at from approval_requests where id = $1",
    request,
  );
  expect(row).toEqual({ late: true, consumed_at: null });
}

async function approvedInTime(request: string): Promise<void> {
  expect((await vote(request)).status).toBe(200);
  await rows("update approval_requests set expires_at = decided_at + interval '1 microsecond' where id = $1", request);
  await isLate(request);
}

async function leftUndecided(request: string): Promise<void> {
  await rows(
    "update approval_requests set expires_at = clock_timestamp() - interval '1 microsecond' where id = $1",
    request,
  );
  await isLate(request);
  expect((await vote(request)).status).toBe(410);
}

/** The worker is away while `meanwhile` happens, and dies of it. */
async function whileAway(meanwhile: () => Promise<void>): Promise<void> {
  stage.freeze("worker");
  await meanwhile();
  await stage.kill("worker");
  await stage.again("worker");
}

async function entriesAbout(request: string): Promise<string[]> {
  const found = await rows<{ entry: string }>(
    `select concat_ws(' ', entry ->> 'operation', entry ->> 'outcome') as entry from control_plane_audit
      where entry ->> 'approval_id' = $1 order by position`,
    request,
  );
  return found.map(({ entry }) => entry);
}

const typesOf = async (run: string, of: RegExp) =>
  (await eventsOf(bob, run)).map(({ type }) => type).filter((type) => of.test(type));

/** What was held for a run at each OU above it, from the root down. */
const holdsFor = (run: string) =>
  rows<{ tokens: number; released: boolean }>(
    `select h.tokens::int, h.released_at is not null as released from ou_budget_holds h join ous o on o.id = h.ou_id
      where h.root_run_id = $1 order by cardinality(o.ancestors)`,
    run,
  );

describe("a larger budget", () => {
  test.each([
    ["soon", "in time", async (request: string) => expect((await vote(request)).status).toBe(200)],
    ["late", "in time, and looked at after its expiry", approvedInTime],
  ])(
    "%s: approved %s, it is granted once at every OU, though the worker died in between",
    async (name, _, meanwhile) => {
      const { run, request } = await wantsMore(name);
      expect(await holdsFor(run)).toEqual([
        { tokens: 30_000, released: false },
        { tokens: 30_000, released: false },
      ]);
      await whileAway(() => meanwhile(request));
      expect(await ended(bob, run, 60_000)).toMatchObject({ status: "completed", budget: { tokens: 60_000 } });
      expect(await holdsFor(run)).toEqual([
        { tokens: 60_000, released: true },
        { tokens: 60_000, released: true },
      ]);
      expect(await typesOf(run, /^budget_r/)).toEqual(["budget_requested", "budget_raised"]);
      expect(await entriesAbout(request)).toEqual([
        "run.budget pending_approval",
        "approval.vote voted",
        "run.budget applied",
      ]);
    },
  );

  test("that nobody approved in time is not granted, and the run ends", async () => {
    const { run, request } = await wantsMore("none");
    await whileAway(() => leftUndecided(request));
    expect(await ended(bob, run, 60_000)).toMatchObject({
      status: "stopped",
      reason: { rule: "budget-exhausted", reason: expect.stringContaining("expired: nobody decided in time") },
      budget: { tokens: 30_000 },
    });
    expect(await holdsFor(run)).toEqual([
      { tokens: 30_000, released: true },
      { tokens: 30_000, released: true },
    ]);
    expect(await typesOf(run, /^budget_r/)).toEqual(["budget_requested", "budget_refused"]);
    expect(await entriesAbout(request)).toEqual(["run.budget pending_approval", "run.budget expired"]);
  });
});

describe("a permission", () => {
  /** What was granted on a request, and for how long from the moment it was looked at, seconds. */
  const grantedOn = (request: string) =>
    rows<{ seconds: number; late: boolean }>(
      `select round(extract(epoch from e.expires_at - e.granted_at))::int as seconds, e.granted_at > r.expires_at as late
         from elevations e join approval_requests r on r.id = e.approval_id where e.approval_id = $1`,
      request,
    );

  test("approved in time and looked at after its expiry is granted from then on, once", async () => {
    const { run, request } = await wantsToWrite("late-write");
    await whileAway(() => approvedInTime(request));
    expect(await ended(bob, run, 60_000)).toMatchObject({ status: "completed" });
    expect(await grantedOn(request)).toEqual([{ seconds: 300, late: true }]);
    expect(await typesOf(run, /^permission_/)).toEqual(["permission_requested", "permission_approved"]);
    expect(await entriesAbout(request)).toContain("run.permission approved");
    const { data } = await bob.get<{ data: { path: string; content: string }[] }>(`/runs/${run}/files`);
    expect(data).toMatchObject([{ path: "b.txt", content: "b" }]);
  });

  test("that nobody approved in time grants nothing", async () => {
    const { run, request } = await wantsToWrite("never-written");
    await whileAway(() => leftUndecided(request));
    const { steps } = await ended(bob, run, 60_000);
    expect(steps.find(({ tool }) => tool === "write_file")).toMatchObject({ status: "refused" });
    expect(await grantedOn(request)).toEqual([]);
    expect(await typesOf(run, /^permission_/)).toEqual(["permission_requested", "permission_expired"]);
    expect((await bob.get<{ data: unknown[] }>(`/runs/${run}/files`)).data).toEqual([]);
  });
});
