import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { follow } from "../../support/event-stream.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { giveScript } from "../../support/provider.ts";
import { armMind, decideNext, ended, planOf, runWhen } from "../../support/runs.ts";
import { invoke, sessionIn, synced } from "../../support/sessions.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";
import { startTracker } from "../../support/tracker.ts";
import { askForApproval, call, expireBindingsOf, inOrganisation, withRole } from "../governance/stage.ts";

let organisation: TestOrganisation;
let stranger: TestOrganisation;
let admin: Person;
let root: string;
let bob: Person;
let eve: Person;
/** Nobody's approver or administrator: of other people's doings they read nothing. */
let plain: Person;
let tools: ToolServer;

beforeAll(async () => {
  [organisation, stranger] = (await Promise.all(["told", "told-other"].map((name) => makeOrganisation(name)))) as [
    TestOrganisation,
    TestOrganisation,
  ];
  ({ admin, root } = organisation);
  bob = await withRole(organisation, "AgentBuilder", "bob");
  eve = await withRole(organisation, "Approver", "eve");
  plain = await organisation.person("plain");
  tools = await startToolServer();
});
afterAll(() => tools.close());

/** Something only this person is told. Read behind everything before it: what they have not been told by then, they are not. */
function tellLast({ organisationId }: TestOrganisation, person: Person): Promise<unknown> {
  return inOrganisation(organisationId, (tx) =>
    tx.run(
      `insert into change_events (organisation_id, type, permission, principal_id, payload)
       select $1, 'last', 'ou:read', id, '{"summary": "the last one"}' from users where email = $2`,
      [organisationId, person.email],
    ),
  );
}

/** Follows the streams of the person it is about, of one who holds the right, and of two who are to hear nothing. */
async function watch(own: Person, permitted: Person) {
  const [ofOwn, ofPermitted, ...ofOthers] = await Promise.all(
    [own, permitted, plain, stranger.admin].map((one) => follow(one)),
  );
  if (ofOwn === undefined || ofPermitted === undefined) throw new Error("there are four");
  const about = (stream: typeof ofOwn, id: string) =>
    stream.seen.flatMap(({ type, target, status }) =>
      target?.id !== id ? [] : [status === undefined ? type : `${type} ${status}`],
    );
  return {
    /** What was told about a thing once the last of it has come: the same to both. */
    async told(id: string, last: string): Promise<string[]> {
      for (const stream of [ofOwn, ofPermitted])
        await eventually(async () => about(stream, id).at(-1) === last || undefined, `${last} is told`, 20_000);
      expect(about(ofPermitted, id)).toEqual(about(ofOwn, id));
      return about(ofOwn, id);
    },
    own: ofOwn.seen,
    /** Ends it, after having made sure that the others have heard nothing: what they are told last is all they are told. */
    async close() {
      await tellLast(organisation, plain);
      await tellLast(stranger, stranger.admin);
      for (const other of ofOthers) {
        await other.until("the last one");
        expect(other.seen.map(({ type }) => type)).toEqual(["last"]);
      }
      await Promise.all([ofOwn, ofPermitted, ...ofOthers].map((stream) => stream.close()));
    },
  };
}

describe("requests and approvals", () => {
  beforeAll(async () => {
    for (const [name, approvals_needed] of [
      ["twice", 2],
      ["at-once", 1],
    ] as const)
      await admin.make("/approval-policies", {
        name,
        ou: await organisation.ou(`${root}/${name}`),
        operations: ["agent.create"],
        approvals_needed,
      });
  });
  const vote = (person: Person, { id, digest }: { id: string; digest: string }, decision: string) =>
    person.make(`/approvals/${id}/votes`, { decision, digest, reason: "as the test says" });

  test("are told from asking to the end, to who asked and to who may read them", async () => {
    const second = await withRole(organisation, "Approver", "second");
    const watched = await watch(bob, admin);
    const asked = await askForApproval(bob, "/agents", { name: "wanted", ou: `${root}/twice` });
    await vote(eve, asked, "approve");
    await vote(second, asked, "approve");
    expect(await watched.told(asked.id, "approval.decided approved")).toEqual([
      "approval.requested",
      "approval.voted",
      "approval.voted",
      "approval.decided approved",
    ]);
    const made = await eventually(
      async () => watched.own.find(({ type, request_id }) => type === "agent.create" && request_id === asked.id),
      "what was applied is told",
    );
    expect(made).toMatchObject({ target: { type: "agent" }, summary: expect.stringContaining("wanted") });

    const denied = await askForApproval(bob, "/agents", { name: "unwanted", ou: `${root}/at-once` });
    await vote(eve, denied, "deny");
    expect(await watched.told(denied.id, "request.finished denied")).toEqual([
      "approval.requested",
      "approval.voted",
      "approval.decided denied",
      "request.finished denied",
    ]);
    const withdrawn = await askForApproval(bob, "/agents", { name: "withdrawn", ou: `${root}/at-once` });
    await bob.send("POST", `/requests/${withdrawn.id}/cancel`, {});
    expect(await watched.told(withdrawn.id, "request.finished cancelled")).toEqual([
      "approval.requested",
      "approval.decided cancelled",
      "request.finished cancelled",
    ]);
    const late = await askForApproval(bob, "/agents", { name: "late", ou: `${root}/at-once` });
    await asSuperuser(async (sql) => {
      for (const table of ["approval_requests", "operations"])
        await sql.query(`update ${table} set expires_at = clock_timestamp() where id = $1`, [late.id]);
    });
    expect(await watched.told(late.id, "request.finished expired")).toEqual([
      "approval.requested",
      "approval.decided expired",
      "request.finished expired",
    ]);
    // Approved, and not possible any more when it is to be applied.
    const stale = await askForApproval(bob, "/agents", { name: "taken", ou: `${root}/twice` });
    await vote(eve, stale, "approve");
    const policies = await admin.get<{ data: { id: string; name: string }[] }>("/approval-policies");
    const policy = policies.data.find(({ name }) => name === "twice")?.id;
    await call(admin, "PATCH", `/approval-policies/${policy}`, { approvals_needed: 3 });
    await vote(second, stale, "approve");
    expect((await watched.told(stale.id, "request.finished refused")).slice(-2)).toEqual([
      "approval.decided approved",
      "request.finished refused",
    ]);
    for (const { summary, target } of watched.own)
      expect([typeof summary, typeof target?.id]).toEqual(["string", "string"]);
    await watched.close();
  });
});

describe("approvals are told to whoever may decide them", () => {
  test.each(
    variant("by a role that lets nobody read approvals, where it is asked for and nowhere else, while they hold it"),
  )(
    "%s",
    async () => {
      const guarded = await organisation.ou(`${root}/by-admins`);
      const aside = await organisation.ou(`${root}/aside`);
      await admin.make("/approval-policies", {
        name: "by-admins",
        ou: guarded,
        operations: ["agent.create"],
        approver_role: "OUAdmin",
      });
      const [asked, elsewhere] = await Promise.all([
        withRole(organisation, "OUAdmin", "asked", guarded),
        withRole(organisation, "OUAdmin", "elsewhere", aside),
      ]);
      const [ofAsked, ofElsewhere, ofStranger] = await Promise.all([
        follow(asked),
        follow(elsewhere),
        follow(stranger.admin),
      ]);
      const wanted = await askForApproval(bob, "/agents", { name: "wanted-here", ou: guarded });
      const told = (stream: typeof ofAsked, id: string) =>
        stream.seen.flatMap(({ type, target }) => (target?.id === id ? [type] : []));
      await eventually(async () => told(ofAsked, wanted.id).length > 0 || undefined, "it is told");
      expect(await asked.get(`/approvals/${wanted.id}`)).toMatchObject({ can_vote: true });
      await asked.make(`/approvals/${wanted.id}/votes`, { decision: "approve", digest: wanted.digest });
      await eventually(
        async () => told(ofAsked, wanted.id).includes("approval.decided") || undefined,
        "its end is told",
      );
      expect(told(ofAsked, wanted.id)).toEqual(["approval.requested", "approval.voted", "approval.decided"]);

      await expireBindingsOf(asked);
      const later = await askForApproval(bob, "/agents", { name: "wanted-later", ou: guarded });
      await tellLast(organisation, asked);
      await tellLast(organisation, elsewhere);
      await tellLast(stranger, stranger.admin);
      for (const stream of [ofAsked, ofElsewhere, ofStranger]) await stream.until("the last one");
      expect(told(ofAsked, later.id)).toEqual([]);
      for (const { id } of [wanted, later]) expect([told(ofElsewhere, id), told(ofStranger, id)]).toEqual([[], []]);
      await Promise.all([ofAsked, ofElsewhere, ofStranger].map((stream) => stream.close()));
    },
    60_000,
  );

  test("at another OU that the change is about", async () => {
    const [guarded, aside] = [await organisation.ou(`${root}/granting`), await organisation.ou(`${root}/joining`)];
    const group = await admin.make<{ id: string }>("/groups", { name: "granted", ou: aside });
    await admin.make("/bindings", { role: "AgentBuilder", ou: guarded, group_id: group.id });
    const [there, auditor, unrelated] = await Promise.all([
      withRole(organisation, "Approver", "there", guarded),
      withRole(organisation, "Auditor", "auditor-there", guarded),
      withRole(organisation, "Auditor", "auditor-aside", await organisation.ou(`${root}/neither`)),
    ]);
    await admin.make("/approval-policies", { name: "grants", ou: guarded, operations: ["binding.create"] });
    const streams = await Promise.all([there, auditor, unrelated].map((person) => follow(person)));
    const pending = await askForApproval(admin, `/groups/${group.id}/members`, { user: plain.email });
    await there.make(`/approvals/${pending.id}/votes`, { decision: "deny", digest: pending.digest, reason: "no" });
    const told = (stream: (typeof streams)[number] | undefined) =>
      stream?.seen.flatMap(({ type, target }) =>
        target?.id === pending.id && type.startsWith("approval") ? [type] : [],
      );
    for (const stream of streams.slice(0, 2)) {
      await eventually(async () => told(stream)?.includes("approval.decided") || undefined, "its end is told");
      expect(told(stream)).toEqual(["approval.requested", "approval.voted", "approval.decided"]);
    }
    await tellLast(organisation, unrelated);
    await streams[2]?.until("the last one");
    expect(told(streams[2])).toEqual([]);
    await Promise.all(streams.map((stream) => stream.close()));
  }, 60_000);
});

describe("runs", () => {
  test("are told in every status, the one that was asked for and its subagents", async () => {
    const watched = await watch(bob, admin);
    const { plan } = planOf([{ step: 1, tool: "list_directory", args: { path: "." } }]);
    const delegate = { name: "delegate", input: { agent: "planner", input: { task: "{{input.task}}" } } };
    const models = await armMind("told-tree", {
      orchestrator: { turns: [{ tool_uses: [delegate] }, { output: { result: "planned", status: "done" } }] },
      planner: { turns: [{ output: plan }] },
    });
    const { id } = await bob.make<{ id: string }>("/runs", { task: "Plan it.", models });
    expect(await ended(bob, id)).toMatchObject({ status: "completed" });
    expect(await watched.told(id, "run.status completed")).toEqual([
      "run.status received",
      "run.status running",
      "run.status completed",
    ]);
    const child = watched.own.find(({ parent_run_id }) => parent_run_id === id);
    expect(await watched.told(child?.target?.id ?? "", "run.status completed")).toEqual([
      "run.status running",
      "run.status completed",
    ]);
    await watched.close();
  }, 90_000);

  test.each(variant("are told when people stop them, and when they wait for people"))(
    "%s",
    async () => {
      const tracker = await startTracker("2026", sharedStack().apiUrl);
      try {
        tracker.tools.push({ name: "delete_issue", description: "d", inputSchema: { type: "object" } });
        tracker.answer = () => ({ content: [{ type: "text", text: "deleted" }] });
        await admin.make("/mcp-servers", { name: "tracker", ou: root, url: tracker.url });
        const issue = { tool_uses: [{ name: "tracker__delete_issue", input: { key: "K" } }] };
        const models = await armMind("told-waiting", {
          orchestrator: { turns: [issue, { ...issue, delay_ms: 1_500 }, { output: { result: "done" } }] },
        });
        const watched = await watch(bob, admin);
        const { id } = await bob.make<{ id: string }>("/runs", { task: "Tidy.", agent: "clerk", models });
        const asked = await decideNext(eve, "approve", root);
        expect(await watched.told(asked.id, "approval.decided approved")).toEqual([
          "approval.requested",
          "approval.voted",
          "approval.decided approved",
        ]);
        await runWhen(bob, id, ({ status }) => status === "running", "it goes on");
        await bob.send("POST", `/runs/${id}/pause`, {});
        await runWhen(bob, id, ({ status }) => status === "paused", "it pauses");
        await bob.send("POST", `/runs/${id}/resume`, {});
        await runWhen(bob, id, ({ status }) => status !== "paused", "it goes on");
        await bob.send("POST", `/runs/${id}/cancel`, {});
        await ended(bob, id);
        const told = await watched.told(id, "run.status cancelled");
        const distinct = told.filter((status, index) => status !== told[index - 1]);
        expect(distinct.slice(0, 4)).toEqual(
          ["received", "running", "waiting", "running"].map((status) => `run.status ${status}`),
        );
        expect(distinct).toContain("run.status paused");
        await watched.close();
      } finally {
        await tracker.close();
      }
    },
    90_000,
  );
});

describe("sessions", () => {
  test("are told in every status, to who invoked the agent and to who may read sessions there", async () => {
    const user = await withRole(organisation, "AgentUser", "user");
    const { id: server } = await admin.make<{ id: string }>("/mcp-servers", {
      name: "notes",
      ou: root,
      url: tools.url,
    });
    const { id: agentId } = await admin.make<{ id: string }>("/agents", { name: "careful", ou: root });
    await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: server, permission_policy: "always_ask" });
    await admin.make(`/agents/${agentId}/credentials`, { mcp_server_id: server });
    await giveScript(await synced(admin, agentId), [
      { call: { server: "notes", tool: "note", input: { text: "pay" } } },
      { say: "That was it." },
    ]);
    const watched = await watch(user, admin);
    const id = await invoke(user, agentId);
    await sessionIn(user, id, "waiting");
    // What it waits for is in the approvers' inbox at once.
    const asked = await eventually(
      async () => watched.own.find(({ type }) => type === "approval.requested"),
      "the approval is told",
    );
    const { digest } = await eve.get<{ digest: string }>(`/approvals/${asked.target?.id}`);
    await eve.make(`/approvals/${asked.target?.id}/votes`, { decision: "approve", digest });
    await sessionIn(user, id, "idle");
    await user.send("POST", `/sessions/${id}/end`, {});
    const told = await watched.told(id, "session.status ended");
    // A turn that is over before anybody has looked was never seen running.
    expect(told.filter((status) => status !== "session.status running")).toEqual(
      ["starting", "waiting", "idle", "ended"].map((status) => `session.status ${status}`),
    );
    await watched.close();
  }, 60_000);
});

test("a reader at the end of the stream is answered from one place in an index", async () => {
  const plan = await inOrganisation(organisation.organisationId, async (tx) => {
    // Whatever a table of this size is answered from: the index must be able to.
    for (const way of ["seqscan", "bitmapscan", "sort"]) await tx.run(`set local enable_${way} = off`);
    return tx.rows<{ "QUERY PLAN": string }>(
      `explain select from change_events e where (e.transaction_id, e.position) > ('1'::xid8, 1::bigint)
          and e.transaction_id < pg_snapshot_xmin(pg_current_snapshot()) order by e.transaction_id, e.position limit 200`,
    );
  });
  const text = plan.map((row) => row["QUERY PLAN"]).join("\n");
  expect(text).toMatch(/Index (Only )?Scan using change_events_order/);
  expect(text).toMatch(/Index Cond: .*organisation_id = .*transaction_id/s);
  expect(text).not.toContain("Sort");
});
