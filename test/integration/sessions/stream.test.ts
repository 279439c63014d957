import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { hashToken } from "../../../core/bearer.ts";
import type { Person } from "../../../demo/api.ts";
import { query, securityEvents } from "../../support/database.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { startOwnApi } from "../../support/own-api.ts";
import { giveScript, releaseWords } from "../../support/provider.ts";
import { eventsOf, invoke, makeAgent, type SessionEvent, sessionIn, synced, wordsOf } from "../../support/sessions.ts";
import { startToolServer, type ToolServer } from "../../support/tool-server.ts";

let organisation: TestOrganisation;
let tools: ToolServer;
let agentId: string;
let speakerId: string;
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
  ({ id: speakerId } = await makeAgent(admin, { name: "speaker", ou: root }));
  await admin.make(`/agents/${speakerId}/mcp-servers`, { mcp_server_id: server.id });
  await admin.make(`/agents/${speakerId}/credentials`, { mcp_server_id: server.id });
  await giveScript(await synced(admin, speakerId), [
    { call: { server: "notes", tool: "held_note", input: { text: "ready" } } },
    { say: speech, held: true },
  ]);
});
afterAll(() => tools.close());

/** The stand-in stops in the middle of a held message. */
const firstHalf = "The quick brown fox\n\tjumps \u{1f98a} ";
const speech = `${firstHalf}over “the” lazy \u0000 dog.`;

interface Words {
  type: "powerloom.words";
  event_id: string;
  at: number;
  text: string;
}

const ticketFor = async (person: Person, id: string) =>
  (await person.make<{ websocket_url: string }>(`/sessions/${id}/ticket`, {})).websocket_url;

interface Watched {
  events: SessionEvent[];
  /** Words as they came, and after how many events. */
  words: (Words & { after: number })[];
  /** Close code, or the HTTP status of a refused upgrade. */
  end: Promise<number>;
  socket: WebSocket;
}

function watch(url: string, onEvent: (event: SessionEvent, socket: WebSocket) => void = () => undefined): Watched {
  const socket = new WebSocket(url);
  const events: SessionEvent[] = [];
  const words: Watched["words"] = [];
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
    const event = JSON.parse((data as Buffer).toString("utf8")) as
      | SessionEvent
      | Words
      | { type: "powerloom.still_here" };
    if (event.type === "powerloom.still_here") return;
    if (!("position" in event)) return void words.push({ ...(event as Words), after: events.length });
    events.push(event);
    onEvent(event, socket);
  });
  return { events, words, end, socket };
}

describe("a session's stream", () => {
  test("says that it is still there, and is cut off from a client that says so no more", async () => {
    const api = await startOwnApi({ POWERLOOM_MODE: "dev" });
    try {
      const id = await invoke(emma, agentId);
      const there = async (options: { autoPong: boolean }) => {
        const url = new URL(await ticketFor(emma, id));
        url.host = new URL(api.url).host;
        const socket = new WebSocket(url, options);
        const said = { beats: 0, closed: false, socket };
        socket.on("message", (data) => {
          if ((data as Buffer).toString("utf8") === '{"type":"powerloom.still_here"}') said.beats += 1;
        });
        socket.on("close", () => {
          said.closed = true;
        });
        await new Promise((resolve) => socket.on("open", resolve));
        return said;
      };
      const [alive, dead] = await Promise.all([there({ autoPong: true }), there({ autoPong: false })]);
      api.shiftClock(16);
      await eventually(async () => (alive.beats === 1 && dead.beats === 1) || undefined, "both are told");
      expect(dead.closed).toBe(false);
      api.shiftClock(32);
      await eventually(async () => (alive.beats === 2 && dead.closed) || undefined, "one is told again, one cut off");
      expect([alive.closed, dead.beats]).toEqual([false, 1]);
      alive.socket.close();
    } finally {
      await api.close();
    }
  });

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

describe("words as they come", () => {
  const said = ({ words }: Watched) => words.map(({ text }) => text).join("");
  /** Lets a session begin to speak, once the worker follows it: a message that began before has no words. */
  const begin = async (id: string) => {
    await sessionIn(emma, id, "running");
    const noted = "select 1 from session_events where session_id = $1 and type = 'agent.mcp_tool_use'";
    await eventually(async () => (await query(noted, [id]))[0], "the call is seen");
    tools.release();
  };
  const heardSomething = (watched: Watched) =>
    eventually(async () => watched.words.length > 0 || undefined, "words have come");

  test("come before the message and add up to it, and are no part of what is stored", async () => {
    const made = await emma.make<{ session_id: string; websocket_url: string }>(`/agents/${speakerId}/invoke`, {
      prompt: "Speak",
    });
    const watched = watch(made.websocket_url);
    await begin(made.session_id);
    await heardSomething(watched);
    // The stand-in holds the rest back: this much was heard of a message that there is not.
    expect(speech.startsWith(said(watched))).toBe(true);
    expect(said(watched).length).toBeLessThan(speech.length);
    expect((await eventsOf(emma, made.session_id)).map(({ type }) => type)).not.toContain("agent.message");
    await releaseWords();
    await eventually(async () => said(watched) === speech || undefined, "all words have come");
    await eventually(
      async () => watched.events.at(-1)?.type === "session.status_idle" || undefined,
      "the turn is over",
    );
    const index = watched.events.findIndex(({ type }) => type === "agent.message");
    const message = watched.events[index];
    expect(watched.words[0]?.after).toBeLessThanOrEqual(index);
    let at = 0;
    for (const words of watched.words) {
      expect(words).toEqual({
        type: "powerloom.words",
        event_id: message?.payload["id"],
        at,
        text: words.text,
        after: words.after,
      });
      at += words.text.length;
    }
    const stored = await eventsOf(emma, made.session_id);
    expect(watched.events).toEqual(stored);
    expect(stored.map(({ type }) => type).filter((type) => /^event_|words/.test(type))).toEqual([]);
    watched.socket.close();
  });

  test("are heard by the watchers of their own session alone, while they may see it", async () => {
    const { admin, root } = organisation;
    const auditor = await organisation.person("listener", { roles: [{ role: "Auditor", ou: root }] });
    const id = await invoke(emma, speakerId);
    const silent = await invoke(emma, agentId);
    const [own, reader, other] = [
      watch(await ticketFor(emma, id)),
      watch(await ticketFor(auditor, id)),
      watch(await ticketFor(emma, silent)),
    ];
    await begin(id);
    await Promise.all([heardSomething(own), heardSomething(reader)]);
    const before = said(reader);
    const { data } = await admin.get<{ data: { id: string }[] }>(`/bindings?user=${auditor.email}`);
    for (const binding of data) await admin.send("DELETE", `/bindings/${binding.id}`);
    await releaseWords();
    expect(await reader.end).toBe(4403);
    await eventually(async () => said(own) === speech || undefined, "who may hear them has heard all words");
    expect(said(reader)).toBe(before);
    await sessionIn(emma, silent, "idle");
    await eventually(async () => other.events.at(-1)?.type === "session.status_idle" || undefined, "its turn is over");
    const ids = new Set((await eventsOf(emma, id)).map(({ payload }) => payload["id"]));
    expect(other.words.filter(({ event_id }) => ids.has(event_id))).toEqual([]);
    expect(other.words.map(({ text }) => text).join("")).not.toContain("fox");
    for (const { socket } of [own, other]) socket.close();
  });

  test("go on in the middle for who comes back in the middle", async () => {
    const id = await invoke(emma, speakerId);
    const late = watch(await ticketFor(emma, id));
    await begin(id);
    await eventually(async () => said(late) === firstHalf || undefined, "the first half has come");
    late.socket.terminate();
    const back = watch(`${await ticketFor(emma, id)}&after=${late.events.at(-1)?.position ?? 0}`);
    await eventually(async () => back.socket.readyState === WebSocket.OPEN || undefined, "it is open again");
    await releaseWords();
    await heardSomething(back);
    expect(back.words[0]?.at).toBe(said(late).length);
    await eventually(async () => said(late) + said(back) === speech || undefined, "the rest has come");
    const messages = (await eventsOf(emma, id)).filter(({ type }) => type === "agent.message");
    expect(messages.map(wordsOf)).toEqual([speech.replace("\0", "\u{fffd}")]);
    back.socket.close();
  });
});
