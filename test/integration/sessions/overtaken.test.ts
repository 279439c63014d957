import type { Client } from "@temporalio/client";
import type { ClientBase } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type OrganisationId, type SessionId, workflowIds } from "../../../core/ids.ts";
import type { Person } from "../../../demo/api.ts";
import { nudgeSession } from "../../../temporal/nudge.ts";
import { asSuperuser, query } from "../../support/database.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { clearRequests, giveScript, injectFaults, provider, requestsSeen } from "../../support/provider.ts";
import { eventsOf, invoke, makeAgent, sessionIn, synced, wordsOf } from "../../support/sessions.ts";
import { sharedTemporal } from "../../support/temporal.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

let organisation: TestOrganisation;
let temporal: Client;
let tools: ToolServer;
let emma: Person & { id: string };
/** Its one tool call waits for an approver. */
let careful: string;
/** It answers. */
let plain: string;

beforeAll(async () => {
  organisation = await makeOrganisation("overtaken");
  temporal = await sharedTemporal();
  tools = await startToolServer();
  const { admin, root } = organisation;
  emma = await organisation.person("emma", { roles: [{ role: "AgentUser", ou: root }] });
  const server = await admin.make<{ id: string }>("/mcp-servers", { name: "notes", ou: root, url: tools.url });
  ({ id: careful } = await makeAgent(admin, { name: "careful", ou: root }));
  await admin.make(`/agents/${careful}/mcp-servers`, { mcp_server_id: server.id, permission_policy: "always_ask" });
  await admin.make(`/agents/${careful}/credentials`, { mcp_server_id: server.id });
  await giveScript(await synced(admin, careful), [
    { call: { server: "notes", tool: "note", input: { text: "pay 100" } } },
    { say: "That was it." },
  ]);
  ({ id: plain } = await makeAgent(admin, { name: "plain", ou: root }));
  await giveScript(await synced(admin, plain), [{ say: "Yes." }]);
});
afterEach(() => injectFaults());
afterAll(async () => {
  await tools.close();
  await temporal.connection.close();
});

const sends = { method: "POST", path: "^/v1/sessions/[^/]+/events$" } as const;

const nudge = (id: string) =>
  nudgeSession(temporal, { organisationId: organisation.organisationId as OrganisationId, sessionId: id as SessionId });

const askedFor = (id: string) =>
  eventually(
    async () =>
      (
        await query<{ id: string }>("select id from approval_requests where session_id = $1 and status = 'pending'", [
          id,
        ])
      )[0],
    "its call waits for an approver",
  );

async function outcomes(id: string, operation: string): Promise<string[]> {
  const { data } = await organisation.admin.get<{ data: { outcome: string; operation: string }[] }>(
    `/audit?session=${id}`,
  );
  return data.filter((entry) => entry.operation === operation).map(({ outcome }) => outcome);
}

const confirmationsOf = (id: string) =>
  query("select from session_commands where session_id = $1 and kind = 'confirmation'", [id]);

/** Waits until somebody waits for a row that `sql` holds. */
const waitedFor = async (sql: ClientBase) => {
  const { rows } = await sql.query<{ pid: number }>("select pg_backend_pid() as pid");
  await eventually(
    async () =>
      (await query("select from pg_stat_activity where $1 = any (pg_blocking_pids(pid))", [rows[0]?.pid])).length > 0 ||
      undefined,
    "another one waits for the row",
  );
};

describe("what another attempt, or a follower, has done meanwhile", () => {
  test("is not done again: a decided call is told the provider once, and audited once", async () => {
    const id = await invoke(emma, careful);
    const { id: request } = await askedFor(id);
    await asSuperuser(async (sql) => {
      await sql.query(
        "update approval_requests set status = 'approved', decided_at = clock_timestamp() where id = $1",
        [request],
      );
      await sql.query("begin");
      await sql.query("select from approval_requests where id = $1 for update", [request]);
      await nudge(id);
      await waitedFor(sql);
      await sql.query(
        "update approval_requests set status = 'applied', consumed_at = clock_timestamp() where id = $1",
        [request],
      );
      await sql.query("commit");
    });
    // Told after what is decided.
    await emma.send("POST", `/sessions/${id}/interrupt`, {});
    await sessionIn(emma, id, "idle");
    expect(await outcomes(id, "session.tool_call")).toEqual(["pending_approval"]);
    expect(await confirmationsOf(id)).toEqual([]);
  });

  test("is left alone: the end of a turn withdraws the calls of that turn, and none made since", async () => {
    const id = await invoke(emma, careful);
    const { id: request } = await askedFor(id);
    await query(
      `insert into approval_requests (id, organisation_id, kind, session_id, operation, ou_id, requester_id, act, requirements,
           digest, diff, workflow_id, expires_at)
         select 'req_sevt_later_' || session_id, organisation_id, kind, session_id, operation, ou_id, requester_id, act,
           requirements, digest, diff, workflow_id, expires_at from approval_requests where id = $1`,
      [request],
    );
    await emma.send("POST", `/sessions/${id}/interrupt`, {});
    await sessionIn(emma, id, "idle");
    const statuses = () =>
      query<{ status: string }>("select status from approval_requests where session_id = $1 order by id = $2", [
        id,
        request,
      ]);
    expect(await statuses()).toEqual([{ status: "pending" }, { status: "cancelled" }]);
    // When the session ends, nothing of it waits any more.
    await emma.send("POST", `/sessions/${id}/end`, {});
    await eventually(
      async () => (await statuses()).every(({ status }) => status === "cancelled") || undefined,
      "both are withdrawn",
    );
  });

  test("is not said again: the end of a session that has been closed", async () => {
    const id = await invoke(emma, plain);
    const { cma_session_id } = await sessionIn(emma, id, "idle");
    await provider().beta.sessions.archive(cma_session_id ?? "");
    await clearRequests();
    const vault = /^\/v1\/vaults\//;
    await injectFaults({ match: { method: "DELETE", path: vault.source }, kind: "delay", delay_ms: 1_500 });
    await emma.send("POST", `/sessions/${id}/messages`, { text: "Are you there?" });
    await asSuperuser(async (sql) => {
      await eventually(async () => (await requestsSeen("DELETE", vault)).length > 0 || undefined, "it is being closed");
      await sql.query("begin");
      await sql.query("select from sessions where id = $1 for update", [id]);
      await waitedFor(sql);
      await sql.query(
        `update sessions set status = 'ended', end_reason = 'by another attempt', ended_at = clock_timestamp(),
           cleaned_at = clock_timestamp() where id = $1`,
        [id],
      );
      await sql.query("commit");
    });
    await temporal.workflow.getHandle(workflowIds.agentSession(id)).result();
    expect(await outcomes(id, "session.end")).toEqual([]);
    expect((await eventsOf(emma, id)).map(({ type }) => type)).not.toContain("powerloom.session_ended");
  });

  test("is settled, though it was decided while the session was being closed, or after that", async () => {
    const id = await invoke(emma, careful);
    const { id: request } = await askedFor(id);
    await clearRequests();
    const vault = /^\/v1\/vaults\//;
    await injectFaults({ match: { method: "DELETE", path: vault.source }, kind: "delay", delay_ms: 1_000 });
    await emma.send("POST", `/sessions/${id}/end`, {});
    await eventually(async () => (await requestsSeen("DELETE", vault)).length > 0 || undefined, "it is being closed");
    const denied = { status: "denied", decided_at: new Date() };
    await query("update approval_requests set status = $2, decided_at = $3 where id = $1", [
      request,
      denied.status,
      denied.decided_at,
    ]);
    const settled = (times: number) =>
      eventually(async () => {
        const [row] = await query("select from approval_requests where id = $1 and consumed_at is not null", [request]);
        return (row !== undefined && (await outcomes(id, "session.tool_call")).length === 1 + times) || undefined;
      }, "it is settled");
    await settled(1);
    expect(await outcomes(id, "session.tool_call")).toEqual(["denied", "pending_approval"]);
    // As an attempt leaves it that was frozen until now: the sweep finds it, and nobody begins anew for ever.
    await query("update approval_requests set consumed_at = null where id = $1", [request]);
    await settled(2);
  });

  test("is not mistaken for what is said now: a second copy of the same words from before", async () => {
    const id = await invoke(emma, plain);
    const { cma_session_id } = await sessionIn(emma, id, "idle");
    // As a request that the provider has carried out late.
    await provider().beta.sessions.events.send(cma_session_id ?? "", {
      events: [{ type: "user.message", content: [{ type: "text", text: "Hello" }] }],
    });
    const answers = (count: number) =>
      eventually(async () => {
        const events = await eventsOf(emma, id);
        return events.filter(({ type }) => type === "agent.message").length === count || undefined;
      }, `${count} answers are here`);
    await emma.send("POST", `/sessions/${id}/messages`, { text: "Something else" });
    await answers(3);
    await sessionIn(emma, id, "idle");
    await injectFaults({ match: sends, kind: "drop_before" });
    await emma.send("POST", `/sessions/${id}/messages`, { text: "Hello" });
    await answers(4);
    const said = (await eventsOf(emma, id)).filter(({ type }) => type === "user.message").map(wordsOf);
    expect(said).toEqual(["Hello", "Hello", "Something else", "Hello"]);
  });
});

describe("a session", () => {
  test("whose first message the provider refuses for good rests, and goes on with the next", async () => {
    await injectFaults({ match: sends, kind: "500" }, { match: sends, kind: "400" });
    const id = await invoke(emma, plain);
    await sessionIn(emma, id, "idle");
    expect((await eventsOf(emma, id)).map(({ type }) => type)).toEqual(["powerloom.not_delivered"]);
    await emma.send("POST", `/sessions/${id}/messages`, { text: "And now?" });
    await eventually(async () => (await eventsOf(emma, id)).find((event) => wordsOf(event) === "Yes."), "it answers");
  });

  test("stays open in a new run while its agent is made anew", async () => {
    const { id: agentId } = await makeAgent(organisation.admin, { name: "remade", ou: organisation.root });
    await giveScript(await synced(organisation.admin, agentId), [{ say: "Yes." }]);
    const id = await invoke(emma, agentId);
    await sessionIn(emma, id, "idle");
    await temporal.workflow.getHandle(workflowIds.agentSession(id)).terminate("an operator's mistake");
    const [before] = await query<{ id: string }>(
      `update agents a set cma_agent_id = null from (select cma_agent_id from agents where id = $1) was
        where a.id = $1 returning was.cma_agent_id as id`,
      [agentId],
    );
    await emma.send("POST", `/sessions/${id}/messages`, { text: "Again" });
    await eventually(async () => {
      const events = await eventsOf(emma, id);
      return events.filter((event) => wordsOf(event) === "Yes.").length === 2 || undefined;
    }, "it answers");
    await query("update agents set cma_agent_id = $2 where id = $1", [agentId, before?.id]);
    expect((await sessionIn(emma, id, "idle")).end_reason).toBeNull();
  });
});
