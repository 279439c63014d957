import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { hashToken } from "../../../core/bearer.ts";
import type { Person } from "../../../demo/api.ts";
import { query, securityEvents } from "../../support/database.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { giveScript } from "../../support/provider.ts";
import { eventsOf, invoke, makeAgent, type SessionEvent, sessionIn, synced } from "../../support/sessions.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

let organisation: TestOrganisation;
let tools: ToolServer;
let agentId: string;
let emma: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("stream");
  tools = await startToolServer();
  const { admin, root } = organisation;
  emma = await organisation.person("emma", { roles: [{ role: "AgentUser", ou: root }] });
  const server = await admin.make<{ id: string }>("/mcp-servers", { name: "notes", ou: root, url: tools.url });
  ({ id: agentId } = await makeAgent(admin, { name: "scribe", ou: root }));
  await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: server.id });
  await admin.make(`/agents/${agentId}/credentials`, { mcp_server_id: server.id });
  const steps = ["a", "b", "c", "d"].map((text) => ({
    call: { server: "notes", tool: "slow_note", input: { text, ms: 80 } },
  }));
  await giveScript(await synced(admin, agentId), [{ say: "Start." }, ...steps, { say: "Done." }]);
});
afterAll(() => tools.close());

const ticketFor = async (person: Person, id: string) =>
  (await person.make<{ websocket_url: string }>(`/sessions/${id}/ticket`, {})).websocket_url;

interface Watched {
  events: SessionEvent[];
  /** Close code, or the HTTP status of a refused upgrade. */
  end: Promise<number>;
  socket: WebSocket;
}

function watch(url: string, onEvent: (event: SessionEvent, socket: WebSocket) => void = () => undefined): Watched {
  const socket = new WebSocket(url);
  const events: SessionEvent[] = [];
  const end = new Promise<number>((resolve) => {
    socket.on("close", (code) => resolve(code));
    socket.on("unexpected-response", (_request, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on("error", () => undefined);
  });
  socket.on("message", (data) => {
    // What comes after one has hung up counts as not received.
    if (socket.readyState !== WebSocket.OPEN) return;
    const event = JSON.parse((data as Buffer).toString("utf8")) as SessionEvent;
    events.push(event);
    onEvent(event, socket);
  });
  return { events, end, socket };
}

describe("a session's stream", () => {
  test("shows everything as it happens, from the invocation's own ticket, and closes after the last event", async () => {
    const made = await emma.make<{ session_id: string; websocket_url: string }>(`/agents/${agentId}/invoke`, {
      prompt: "Go",
    });
    const watched = watch(made.websocket_url);
    await sessionIn(emma, made.session_id, "idle");
    await emma.send("POST", `/sessions/${made.session_id}/end`, {});
    expect(await watched.end).toBe(1000);
    expect(watched.events).toEqual(await eventsOf(emma, made.session_id));
    expect(watched.events.at(-1)?.type).toBe("powerloom.session_ended");
  });

  test("resumes from any position", async () => {
    const id = await invoke(emma, agentId);
    await sessionIn(emma, id, "idle");
    const all = await eventsOf(emma, id);
    for (const after of [0, 1, Math.floor(all.length / 2), all.length - 1]) {
      const watched = watch(`${await ticketFor(emma, id)}&after=${after}`);
      await eventually(async () => watched.events.length >= all.length - after || undefined, `events after ${after}`);
      expect(watched.events).toEqual(all.slice(after));
      watched.socket.close();
    }
  });

  test("seen over a connection that breaks again and again is the same, each event exactly once", async () => {
    const id = await invoke(emma, agentId);
    const seen: SessionEvent[] = [];
    let connections = 0;
    while (seen.at(-1)?.type !== "session.status_idle") {
      connections += 1;
      let left = 3;
      const { end } = watch(`${await ticketFor(emma, id)}&after=${seen.at(-1)?.position ?? 0}`, (event, socket) => {
        seen.push(event);
        left -= 1;
        if (left === 0 || event.type === "session.status_idle") socket.terminate();
      });
      await end;
    }
    expect(connections).toBeGreaterThan(3);
    expect(seen).toEqual(await eventsOf(emma, id));
  });

  test("a ticket opens one stream, once, of its own session, within its time; refusals are security events", async () => {
    const id = await invoke(emma, agentId);
    const other = await invoke(emma, agentId);
    const before = (await securityEvents("invalid_ticket")).length;
    const used = await ticketFor(emma, id);
    const first = watch(used);
    await eventually(async () => first.events.length > 0 || undefined, "the first stream is open");
    expect(await watch(used).end).toBe(401);
    first.socket.close();

    expect(await watch((await ticketFor(emma, id)).replace(id, other)).end).toBe(401);
    const late = await ticketFor(emma, id);
    await query("update stream_tickets set expires_at = clock_timestamp() where ticket_hash = $1", [
      hashToken(new URL(late).searchParams.get("ticket") ?? ""),
    ]);
    expect(await watch(late).end).toBe(401);
    expect(await watch(late.replace(/ticket=[^&]*/, "ticket=plt_unknown")).end).toBe(401);
    expect(await watch(late.replace(/ticket=[^&]*/, "")).end).toBe(401);
    expect((await securityEvents("invalid_ticket")).length).toBe(before + 5);
  });

  test("a ticket is given to the invoker and to those who may read sessions there, and to nobody else", async () => {
    const id = await invoke(emma, agentId);
    const other = await organisation.person("other", { roles: [{ role: "AgentUser", ou: organisation.root }] });
    expect(await other.send("POST", `/sessions/${id}/ticket`, {})).toMatchObject({
      status: 403,
      body: { missing: { permission: "session:read", ou: organisation.root } },
    });
  });

  test("falls silent for a watcher whose right to it is taken away", async () => {
    const { admin, root } = organisation;
    const auditor = await organisation.person("auditor", { roles: [{ role: "Auditor", ou: root }] });
    const id = await invoke(emma, agentId);
    const watched = watch(await ticketFor(auditor, id));
    await eventually(async () => watched.events.length > 0 || undefined, "the stream is open");
    const { data } = await admin.get<{ data: { id: string }[] }>(`/bindings?user=${auditor.email}`);
    for (const binding of data) await admin.send("DELETE", `/bindings/${binding.id}`);
    expect(await watched.end).toBe(4403);
  });
});
