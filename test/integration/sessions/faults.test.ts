import type { Client } from "@temporalio/client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createSession, createVault } from "../../../claude/sessions.ts";
import { workflowIds } from "../../../core/ids.ts";
import type { Person } from "../../../demo/api.ts";
import { nudgeSession } from "../../../temporal/nudge.ts";
import { asSuperuser, query } from "../../support/database.ts";
import { everything, variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { clearRequests, type Fault, giveScript, injectFaults, provider, requestsSeen } from "../../support/provider.ts";
import { cleanedUp, eventsOf, invoke, makeAgent, sessionIn, synced } from "../../support/sessions.ts";
import { sharedTemporal } from "../../support/temporal.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

let organisation: TestOrganisation;
let temporal: Client;
let tools: ToolServer;
let agentId: string;
let emma: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("fault");
  temporal = await sharedTemporal();
  tools = await startToolServer();
  const { admin, root } = organisation;
  emma = await organisation.person("emma", { roles: [{ role: "AgentUser", ou: root }] });
  const server = await admin.make<{ id: string }>("/mcp-servers", { name: "notes", ou: root, url: tools.url });
  ({ id: agentId } = await makeAgent(admin, { name: "scribe", ou: root }));
  await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: server.id });
  await admin.make(`/agents/${agentId}/credentials`, { mcp_server_id: server.id });
  const note = (text: string) => ({ call: { server: "notes", tool: "slow_note", input: { text, ms: 100 } } });
  await giveScript(await synced(admin, agentId), [note("one"), note("two"), { say: "Done." }]);
});
afterEach(() => injectFaults());
afterAll(async () => {
  await tools.close();
  await temporal.connection.close();
});

const sends = { method: "POST", path: "^/v1/sessions/[^/]+/events$" } as const;
const streams = { method: "GET", path: "^/v1/sessions/[^/]+/events/stream$" } as const;
const create = (path: string) => ({ method: "POST", path: `^/v1/${path}$` }) as const;

const faultsTried: [string, Fault[]][] = [
  ["the stream is cut", [{ match: streams, kind: "cut_stream" }]],
  [
    "sending fails with 500, then 529",
    [
      { match: sends, kind: "500" },
      { match: sends, kind: "529" },
    ],
  ],
  ["the answer to a send never arrives", [{ match: sends, kind: "drop_after" }]],
  [
    "the answers to all creations never arrive",
    [
      { match: create("vaults"), kind: "drop_after" },
      { match: create("vaults/[^/]+/credentials"), kind: "drop_after" },
      { match: create("sessions"), kind: "drop_after" },
    ],
  ],
];
/** Variants of those, for `npm run test:long`. */
const moreFaults: [string, Fault[]][] = [
  ["the stream ends with an error", [{ match: streams, kind: "mid_stream_error", times: 1, delay_ms: 30 }]],
  ["the stream cannot be opened", [{ match: streams, kind: "529", times: 2 }]],
  ["sending is rate limited", [{ match: sends, kind: "429", times: 1, retry_after: 1 }]],
  ["a send never arrives", [{ match: sends, kind: "drop_before" }]],
];

/** How many messages the provider's session has been told. */
async function saidTo(cmaSessionId: string | null): Promise<number> {
  let told = 0;
  for await (const event of provider().beta.sessions.events.list(cmaSessionId ?? "", { limit: 1000 }))
    if (event.type === "user.message") told += 1;
  return told;
}

/** The vaults, and the sessions that are not archived, that the provider holds for a session. */
async function heldFor(id: string): Promise<string[]> {
  const held: string[] = [];
  for await (const vault of provider().beta.vaults.list({ limit: 100 }))
    if (vault.metadata["powerloom_session"] === id) held.push(vault.id);
  for await (const session of provider().beta.sessions.list({ limit: 100 }))
    if (session.metadata["powerloom_session"] === id && session.archived_at === null) held.push(session.id);
  return held;
}

/** As another attempt makes one that opens the session, too. */
async function madeByAnother(id: string, vaultId: string): Promise<string> {
  const agent = await emma.get<{ cma_agent_id: string; cma_agent_version: number }>(`/agents/${agentId}`);
  const [environment] = await query<{ id: string }>(
    "select cma_environment_id as id from provider_environments where organisation_id = $1",
    [organisation.organisationId],
  );
  const made = await createSession(provider(), {
    sessionId: id,
    agentId: agent.cma_agent_id,
    agentVersion: agent.cma_agent_version,
    environmentId: environment?.id ?? "",
    vaultId,
    title: "another attempt's",
  });
  return made.id;
}

describe("a conversation completes, and nothing is said or done twice", () => {
  test.each([...faultsTried, ...(everything ? moreFaults : [])])("although %s", async (_what, faults) => {
    const before = tools.calls.length;
    await injectFaults(...faults);
    const id = await invoke(emma, agentId, { prompt: "Say it once" });
    const session = await sessionIn(emma, id, "idle", "failed");
    expect(session).toMatchObject({ status: "idle", final_message: "Done." });
    // Every fault has happened.
    const unused = await fetch(`${provider().baseURL}/_control/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "[]",
    });
    expect(await unused.json()).toEqual({ armed: [] });

    const there: { type: string; id: string }[] = [];
    for await (const event of provider().beta.sessions.events.list(session.cma_session_id ?? "", { limit: 1000 }))
      there.push(event as never);
    expect(there.filter(({ type }) => type === "user.message")).toHaveLength(1);
    const here = await eventsOf(emma, id);
    expect(here.map(({ position }) => position)).toEqual(here.map((_, index) => index + 1));
    expect(new Set(here.map(({ payload }) => payload["id"]))).toEqual(new Set(there.map((event) => event.id)));
    expect(tools.calls.slice(before).map(({ text }) => text)).toEqual(["one", "two"]);

    const tagged = { vaults: 0, sessions: 0 };
    for await (const vault of provider().beta.vaults.list({ limit: 100 }))
      if (vault.metadata["powerloom_session"] === id) tagged.vaults += 1;
    for await (const made of provider().beta.sessions.list({ limit: 100 }))
      if (made.metadata["powerloom_session"] === id) tagged.sessions += 1;
    expect(tagged).toEqual({ vaults: 1, sessions: 1 });
  });

  test("although two attempts open it at once: what is recorded first stays, the other is taken away", async () => {
    await clearRequests();
    const slow = (path: string): Fault => ({ match: create(path), kind: "delay", delay_ms: 1_500 });
    await injectFaults(slow("vaults"), slow("sessions"));
    const asked = (path: string) =>
      eventually(
        async () => ((await requestsSeen("POST", new RegExp(`^/v1/${path}$`))).length > 0 ? true : undefined),
        `one of the ${path} is being made`,
      );
    const id = await invoke(emma, agentId, { prompt: "Say it once" });
    // As another attempt would that was made while the first was frozen.
    await asked("vaults");
    const vault = await createVault(provider(), id);
    await query("update sessions set cma_vault_id = $2 where id = $1", [id, vault]);
    await asked("sessions");
    const session = await madeByAnother(id, vault);
    await query("update sessions set cma_session_id = $2 where id = $1", [id, session]);
    const open = await sessionIn(emma, id, "idle", "failed");
    expect(open).toMatchObject({ status: "idle", final_message: "Done.", cma_session_id: session });
    expect(await heldFor(id)).toEqual([vault, session]);
  });

  test("what an attempt has said is followed, though it failed after that and the next one says nothing", async () => {
    const { id: quiet } = await makeAgent(organisation.admin, { name: "quiet", ou: organisation.root });
    await giveScript(await synced(organisation.admin, quiet), [{ say: "Yes." }]);
    const id = await invoke(emma, quiet);
    const { cma_session_id } = await sessionIn(emma, id, "idle");
    let runId: string | undefined;
    await asSuperuser(async (sql) => {
      const queue = (kind: string, payload: object) =>
        sql.query<{ id: string }>(
          `insert into session_commands (id, organisation_id, session_id, kind, payload)
           values (gen_random_uuid(), $1, $2, $3, $4) returning id`,
          [organisation.organisationId, id, kind, payload],
        );
      await sql.query("begin");
      await queue("message", { text: "Again" });
      // What the provider refuses for good, and the attempt after that puts away.
      const { rows } = await queue("confirmation", { tool_use_id: "sevt_nothing", result: "allow" });
      await sql.query("commit");
      await sql.query("begin");
      await sql.query("select from session_commands where id = $1 for update", [rows[0]?.id]);
      await nudgeSession(temporal, { organisationId: organisation.organisationId as never, sessionId: id as never });
      await eventually(async () => (await saidTo(cma_session_id)) === 2 || undefined, "the message is there");
      ({ runId } = await temporal.workflow.getHandle(workflowIds.agentSession(id)).describe());
      await injectFaults({ match: sends, kind: "500" });
      await sql.query("commit");
    });
    await eventually(async () => {
      const events = await eventsOf(emma, id);
      const types = events.map(({ type }) => type);
      return (
        (types.includes("powerloom.not_delivered") && types.filter((type) => type === "agent.message").length === 2) ||
        undefined
      );
    }, "the confirmation is put away, and the answer is here");
    // A new run, which comes soon in these tests, follows in any case: what counts is what this one was told.
    const { events } = await temporal.workflow.getHandle(workflowIds.agentSession(id), runId).fetchHistory();
    const second = events?.find(({ activityTaskStartedEventAttributes: started }) => started?.attempt === 2);
    const answer = events?.find(
      ({ activityTaskCompletedEventAttributes: completed }) =>
        String(completed?.startedEventId) === String(second?.eventId),
    )?.activityTaskCompletedEventAttributes?.result?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(answer ?? []).toString())).toEqual({ sent: 1, end: null });
    expect(await saidTo(cma_session_id)).toBe(2);
  });

  test("a message that another attempt is sending is not sent by this one", async () => {
    const { id: once } = await makeAgent(organisation.admin, { name: "once", ou: organisation.root });
    await giveScript(await synced(organisation.admin, once), [{ say: "Yes." }]);
    const id = await invoke(emma, once);
    const { cma_session_id } = await sessionIn(emma, id, "idle");
    await asSuperuser(async (sql) => {
      const { rows } = await sql.query<{ id: string }>(
        `insert into session_commands (id, organisation_id, session_id, kind, payload)
         values (gen_random_uuid(), $1, $2, 'message', '{"text":"Again"}') returning id`,
        [organisation.organisationId, id],
      );
      const command = rows[0]?.id;
      await sql.query("begin");
      await sql.query("select from session_commands where id = $1 for update", [command]);
      await nudgeSession(temporal, { organisationId: organisation.organisationId as never, sessionId: id as never });
      await eventually(
        async () =>
          (
            await query(
              "select from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.query like '%session_commands%'",
            )
          ).length > 0 || undefined,
        "this one is about to send",
      );
      // As another attempt has that was made while this one was frozen.
      await provider().beta.sessions.events.send(cma_session_id ?? "", {
        events: [{ type: "user.message", content: [{ type: "text", text: "Again" }] }],
      });
      await sql.query(
        "update session_commands set sending_at = date_trunc('milliseconds', clock_timestamp()) where id = $1",
        [command],
      );
      await sql.query("commit");
    });
    await eventually(async () => {
      const events = await eventsOf(emma, id);
      return events.filter(({ type }) => type === "agent.message").length === 2 || undefined;
    }, "the answer is here");
    expect(await saidTo(cma_session_id)).toBe(2);
  });

  test("a session that is recorded while it is closed is ended, too", async () => {
    await injectFaults({ match: create("sessions"), kind: "500", times: 100 });
    const id = await invoke(emma, agentId, { prompt: "Say it once" });
    const { vault } = await eventually(async () => {
      const [row] = await query<{ vault: string | null }>("select cma_vault_id as vault from sessions where id = $1", [
        id,
      ]);
      return row?.vault == null ? undefined : { vault: row.vault };
    }, "it has a vault");
    await clearRequests();
    await injectFaults(
      { match: create("sessions"), kind: "500", times: 100 },
      { match: { method: "DELETE", path: "^/v1/vaults/" }, kind: "delay", delay_ms: 2_000 },
    );
    await emma.send("POST", `/sessions/${id}/end`, {});
    await eventually(
      async () => (await requestsSeen("DELETE", /^\/v1\/vaults\//)).length > 0 || undefined,
      "it is being closed",
    );
    await injectFaults();
    // As an attempt to open it that was frozen until now.
    const late = await madeByAnother(id, vault);
    await query("update sessions set cma_session_id = $2 where id = $1 and cleaned_at is null", [id, late]);
    await cleanedUp(id);
    expect((await provider().beta.sessions.retrieve(late)).archived_at).not.toBeNull();
  });

  test("what the provider makes late, after another attempt has, is gone when the session has ended", async () => {
    await injectFaults({ match: create("sessions"), kind: "drop_after" });
    const id = await invoke(emma, agentId, { prompt: "Say it once" });
    await sessionIn(emma, id, "idle", "failed");
    await madeByAnother(id, await createVault(provider(), id));
    await emma.send("POST", `/sessions/${id}/end`, {});
    await cleanedUp(id);
    expect(await heldFor(id)).toEqual([]);
  });

  test.each(variant("although the provider is away when it is to end: what it holds is destroyed later"))(
    "%s",
    async () => {
      const id = await invoke(emma, agentId);
      await sessionIn(emma, id, "idle");
      await injectFaults(
        { match: { method: "DELETE", path: "^/v1/vaults/" }, kind: "529", times: 2 },
        { match: create("sessions/[^/]+/archive"), kind: "drop_before" },
      );
      await emma.send("POST", `/sessions/${id}/end`, {});
      await cleanedUp(id);
      for await (const vault of provider().beta.vaults.list({ limit: 100 }))
        expect(vault.metadata["powerloom_session"]).not.toBe(id);
    },
  );
});

describe("an agent that the provider does not have yet", () => {
  test("cannot be invoked: 409 with its sync state, and it can be a moment later", async () => {
    const { admin, root } = organisation;
    await injectFaults({ match: create("agents"), kind: "529", times: 100 });
    const { id } = await admin.make<{ id: string }>("/agents", { name: "not-yet", ou: root });
    const early = await emma.send("POST", `/agents/${id}/invoke`, { prompt: "Hello?" });
    expect(early).toMatchObject({ status: 409, body: { code: "not_synced", cma_agent_id: null, retryable: true } });
    expect(early.body["sync_state"]).toMatch(/pending|error/);
    await injectFaults();
    await synced(admin, id);
    expect((await emma.send("POST", `/agents/${id}/invoke`, { prompt: "Hello?" })).status).toBe(201);
  });
});
