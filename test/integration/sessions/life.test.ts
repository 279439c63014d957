import type { Client } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OrganisationId, SessionId } from "../../../core/ids.ts";
import type { Person } from "../../../demo/api.ts";
import { nudgeSession } from "../../../temporal/nudge.ts";
import { query } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { giveScript, provider } from "../../support/provider.ts";
import { cleanedUp, eventsOf, invoke, makeAgent, sessionIn, synced, wordsOf } from "../../support/sessions.ts";
import { sharedTemporal } from "../../support/temporal.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

let organisation: TestOrganisation;
let tools: ToolServer;
let agentId: string;
/** Its first tool call waits to be released: what a test finds in the middle stays there until then. */
let heldId: string;
let emma: Person & { id: string };
let secret: string;
/** Idle while the other tests run. */
let forgotten: string;
let temporal: Client;
const nudges: NodeJS.Timeout[] = [];

beforeAll(async () => {
  organisation = await makeOrganisation("life");
  tools = await startToolServer();
  const { admin, root } = organisation;
  emma = await organisation.person("emma", { roles: [{ role: "AgentUser", ou: root }] });
  const server = await admin.make<{ id: string }>("/mcp-servers", { name: "notes", ou: root, url: tools.url });
  ({ id: agentId } = await makeAgent(admin, { name: "scribe", ou: root }));
  await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: server.id });
  ({ secret } = await admin.make<{ secret: string }>(`/agents/${agentId}/credentials`, { mcp_server_id: server.id }));
  const note = (text: string, ms: number) => ({ call: { server: "notes", tool: "slow_note", input: { text, ms } } });
  await giveScript(await synced(admin, agentId), [
    { say: "I begin." },
    note("one", 150),
    note("two", 150),
    { say: "Both are noted." },
  ]);
  ({ id: heldId } = await makeAgent(admin, { name: "held", ou: root }));
  await admin.make(`/agents/${heldId}/mcp-servers`, { mcp_server_id: server.id });
  await admin.make(`/agents/${heldId}/credentials`, { mcp_server_id: server.id });
  await giveScript(await synced(admin, heldId), [
    { call: { server: "notes", tool: "held_note", input: { text: "first" } } },
    { call: { server: "notes", tool: "note", input: { text: "second" } } },
    { say: "Never said." },
  ]);
  forgotten = await invoke(emma, agentId, { idle_timeout_seconds: 10 });
  temporal = await sharedTemporal();
  // For no reason: its time goes on.
  const organisationId = organisation.organisationId as OrganisationId;
  for (const ms of [3_000, 6_000])
    nudges.push(
      setTimeout(() => void nudgeSession(temporal, { organisationId, sessionId: forgotten as SessionId }), ms),
    );
});
afterAll(async () => {
  for (const nudge of nudges) clearTimeout(nudge);
  await tools.close();
  await temporal.connection.close();
});

/** Waits until the provider knows that the session is to stop. */
const interruptedAt = (cmaId: string | null | undefined) =>
  eventually(async () => {
    const events: string[] = [];
    for await (const event of provider().beta.sessions.events.list(cmaId ?? "")) events.push(event.type);
    return events.includes("user.interrupt") || undefined;
  }, "the interrupt has arrived");

describe("invoking an agent", () => {
  test("answers at once, and the conversation goes on; with mode wait it answers with the final message", async () => {
    const started = performance.now();
    const quick = await emma.send("POST", `/agents/${agentId}/invoke`, { prompt: "Go", mode: "fire_and_forget" });
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(quick).toMatchObject({ status: 201, body: { status: "starting", final_message: null } });
    const waited = await emma.send("POST", `/agents/${agentId}/invoke`, {
      prompt: "Go",
      mode: "wait",
      wait_seconds: 20,
    });
    expect(waited).toMatchObject({ status: 201, body: { status: "idle", final_message: "Both are noted." } });
    const session = await sessionIn(emma, String(quick.body["session_id"]), "idle");
    expect(session).toMatchObject({ final_message: "Both are noted.", invoker_id: emma.id, error: null });
    expect(tools.bearers).toEqual(new Set([`Bearer ${secret}`]));
  });

  test("stores the provider's events in order, without a gap and without a duplicate", async () => {
    const id = await invoke(emma, agentId);
    await sessionIn(emma, id, "idle");
    await emma.send("POST", `/sessions/${id}/messages`, { text: "Again" });
    const all = await eventually(async () => {
      const events = await eventsOf(emma, id);
      return events.filter(({ type }) => type === "session.status_idle").length === 2 ? events : undefined;
    }, "the second turn is over");
    expect(all.map(({ position }) => position)).toEqual(all.map((_, index) => index + 1));
    const { cma_session_id: cmaId } = await sessionIn(emma, id, "idle");
    const there: { id: string; type: string }[] = [];
    for await (const event of provider().beta.sessions.events.list(cmaId ?? "", { limit: 1000 }))
      there.push({ id: event.id, type: event.type });
    const here = all.map(({ payload, type }) => ({ id: String(payload["id"]), type }));
    const byAgent = ({ type }: { type: string }) => !type.startsWith("user.");
    expect(here.filter(byAgent)).toEqual(there.filter(byAgent));
    expect(here.map(({ id: eventId }) => eventId).sort()).toEqual(there.map(({ id: eventId }) => eventId).sort());
    expect(all.filter(({ type }) => type === "user.message").map(wordsOf)).toEqual(["Hello", "Again"]);
  });

  test("needs agent:invoke where the agent lives, and says so", async () => {
    const viewer = await organisation.person("viewer", { roles: [{ role: "Viewer", ou: organisation.root }] });
    expect(await viewer.send("POST", `/agents/${agentId}/invoke`, { prompt: "Go" })).toMatchObject({
      status: 403,
      body: { missing: { permission: "agent:invoke", ou: organisation.root }, who_can_grant: expect.any(Array) },
    });
  });

  test("with the same key opens one session, even five times at once; with another prompt the key is refused", async () => {
    const headers = { "Idempotency-Key": "invoke-once" };
    const body = { prompt: "Once" };
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map(() => emma.send("POST", `/agents/${agentId}/invoke`, body, headers)),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    expect(new Set(answers.map((answer) => answer.body["session_id"])).size).toBe(1);
    expect(await emma.send("POST", `/agents/${agentId}/invoke`, { prompt: "Twice" }, headers)).toMatchObject({
      status: 422,
      body: { code: "idempotency_mismatch" },
    });
  });
});

describe("in a session", () => {
  test("only its invoker may speak: not its agent's owner, not an OrgAdmin, who may end it", async () => {
    const { admin } = organisation;
    const id = await invoke(emma, agentId);
    await sessionIn(emma, id, "idle");
    expect(await admin.send("POST", `/sessions/${id}/messages`, { text: "Mine now" })).toMatchObject({
      status: 403,
      body: { rule: "not-the-invoker" },
    });
    const stranger = await organisation.person("stranger", { roles: [{ role: "AgentUser", ou: organisation.root }] });
    expect((await stranger.send("POST", `/sessions/${id}/end`, {})).status).toBe(403);
    expect((await admin.send("POST", `/sessions/${id}/end`, { reason: "enough" })).body).toMatchObject({
      status: "ended",
      end_reason: "enough",
    });
    const { data } = await admin.get<{ data: { operation: string; outcome: string }[] }>(`/audit?target=session:${id}`);
    expect(data.map(({ operation, outcome }) => `${operation} ${outcome}`).sort()).toEqual([
      "agent.invoke accepted",
      "session.end accepted",
      "session.end refused",
      "session.message refused",
    ]);
  });

  test("the same message with the same key is told once", async () => {
    const id = await invoke(emma, agentId);
    const say = (text: string) =>
      emma.send("POST", `/sessions/${id}/messages`, { text }, { "Idempotency-Key": "say-once" });
    const answers = await Promise.all([say("Once"), say("Once"), say("Once")]);
    expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
    expect(await say("Twice")).toMatchObject({ status: 422, body: { code: "idempotency_mismatch" } });
    await eventually(async () => {
      const events = await eventsOf(emma, id);
      return events.filter(({ type }) => type === "user.message").length >= 2 || undefined;
    }, "the message is taken up");
    await sessionIn(emma, id, "idle");
    const said = (await eventsOf(emma, id)).filter(({ type }) => type === "user.message");
    expect(said.map(wordsOf)).toEqual(["Hello", "Once"]);
  });

  test("an interrupt stops between tool calls, and the session stays open", async () => {
    const before = tools.calls.length;
    const id = await invoke(emma, heldId);
    await eventually(async () => (tools.calls.length > before ? true : undefined), "the first tool call runs");
    expect((await emma.send("POST", `/sessions/${id}/interrupt`, {})).status).toBe(202);
    const { cma_session_id: cmaId } = await sessionIn(emma, id, "running");
    await interruptedAt(cmaId);
    tools.release();
    await sessionIn(emma, id, "idle");
    expect(tools.calls.slice(before).map(({ text }) => text)).toEqual(["first"]);
    const events = await eventsOf(emma, id);
    expect(events.map(({ type }) => type)).toContain("user.interrupt");
    expect(events.map(wordsOf)).not.toContain("Never said.");
    expect((await emma.send("POST", `/sessions/${id}/messages`, { text: "Go on" })).status).toBe(202);
  });

  test("messages that come while it works are all answered, none is lost", async () => {
    const id = await invoke(emma, agentId);
    for (const text of ["second", "third", "fourth"]) {
      await emma.send("POST", `/sessions/${id}/messages`, { text });
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    const events = await eventually(async () => {
      const all = await eventsOf(emma, id);
      const answers = all.filter((event) => wordsOf(event) === "Both are noted.").length;
      return answers >= 1 && all.filter(({ type }) => type === "user.message").length === 4 ? all : undefined;
    }, "all four messages are taken up");
    expect(events.filter(({ type }) => type === "user.message").map(wordsOf)).toEqual([
      "Hello",
      "second",
      "third",
      "fourth",
    ]);
    await sessionIn(emma, id, "idle");
  });
});

describe("ending a session", () => {
  const vaultsOf = async (id: string) => {
    const found: string[] = [];
    for await (const vault of provider().beta.vaults.list({ limit: 100, include_archived: true }))
      if (vault.metadata["powerloom_session"] === id) found.push(vault.id);
    return found;
  };

  test("in the middle of its work: vault gone, managed session archived, nothing more said, events complete", async () => {
    const before = tools.calls.length;
    const id = await invoke(emma, heldId);
    await eventually(async () => (tools.calls.length > before ? true : undefined), "a tool call runs");
    expect(await vaultsOf(id)).toHaveLength(1);
    const { cma_session_id: cmaId } = await sessionIn(emma, id, "running");
    const headers = { "Idempotency-Key": "end" };
    const [first, second] = await Promise.all([
      emma.send("POST", `/sessions/${id}/end`, {}, headers),
      emma.send("POST", `/sessions/${id}/end`, {}, headers),
    ]);
    expect([first?.status, second?.status]).toEqual([200, 200]);
    expect(await emma.send("POST", `/sessions/${id}/messages`, { text: "More" })).toMatchObject({
      status: 409,
      body: { code: "session_ended" },
    });
    await interruptedAt(cmaId);
    tools.release();
    await cleanedUp(id);
    expect(await vaultsOf(id)).toEqual([]);
    const there = await provider().beta.sessions.retrieve(cmaId ?? "");
    expect(there).toMatchObject({ status: "terminated", archived_at: expect.any(String) });
    const events = await eventsOf(emma, id);
    expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ type }) => type === "agent.mcp_tool_use")).toHaveLength(1);
    expect(events.map(wordsOf)).not.toContain("Never said.");
    expect(events.slice(-2).map(({ type }) => type)).toEqual(["session.status_terminated", "powerloom.session_ended"]);
    expect((await emma.send("POST", `/sessions/${id}/end`, {})).body).toMatchObject({ status: "ended" });
  });

  test("at once after it was opened leaves nothing at the provider either", async () => {
    const id = await invoke(emma, agentId);
    await emma.send("POST", `/sessions/${id}/end`, {});
    await cleanedUp(id);
    expect(await vaultsOf(id)).toEqual([]);
    for await (const session of provider().beta.sessions.list({ limit: 100 }))
      expect(session.metadata["powerloom_session"]).not.toBe(id);
  });

  test.each(variant("that the provider has archived or deleted: the next message ends it here too"))("%s", async () => {
    for (const way of ["archive", "delete"] as const) {
      const id = await invoke(emma, agentId);
      const { cma_session_id: cmaId } = await sessionIn(emma, id, "idle");
      await provider().beta.sessions[way](cmaId ?? "");
      expect((await emma.send("POST", `/sessions/${id}/messages`, { text: "Still there?" })).status).toBe(202);
      expect(await sessionIn(emma, id, "ended")).toMatchObject({ end_reason: "terminated by the provider" });
    }
  });

  test("by idleness, when nobody has said anything for as long as was agreed", { timeout: 30_000 }, async () => {
    const session = await sessionIn(emma, forgotten, "ended");
    expect(session.end_reason).toBe("idle for too long");
    await cleanedUp(forgotten);
    const [rested] = await query<{ seconds: string }>(
      `select extract(epoch from s.ended_at - e.at) as seconds from sessions s
         join session_events e on e.session_id = s.id and e.type = 'session.status_idle' where s.id = $1`,
      [forgotten],
    );
    expect(Number(rested?.seconds)).toBeGreaterThan(9.5);
    expect(Number(rested?.seconds)).toBeLessThan(15);
    expect(await vaultsOf(forgotten)).toEqual([]);
    const entries = await query<{ outcome: string }>(
      "select entry->>'outcome' as outcome from control_plane_audit where entry->>'target' = $1 and entry->>'operation' = 'session.end'",
      [`session:${forgotten}`],
    );
    expect(entries).toEqual([{ outcome: "applied" }]);
  });
});
