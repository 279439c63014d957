import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createApiClient } from "../../cli/api-client.ts";
import { turnAfter } from "../../cli/chat-turn.ts";
import type { StreamEvent } from "../../cli/render-event.ts";
import { followSession } from "../../cli/session-stream.ts";
import { type RecordingApi, recordingApi } from "./recording-api.ts";
import { powerloom } from "./terminal.ts";

const agent = "0198c2f4-6f7e-7c3a-9d55-000000000001";
const sessionId = "0198c2f4-6f7e-7c3a-9d55-00000000000a";

/** A session that answers every message, on a server whose connections break after every `perConnection` events. */
class TestSession {
  readonly events: StreamEvent[] = [];
  readonly tickets: string[] = [];
  readonly connections: { ticket: string | null; after: number }[] = [];
  perConnection = Number.POSITIVE_INFINITY;
  private readonly sockets = new Set<{ socket: WebSocket; next: number; sent: number }>();

  add(type: string, payload: Record<string, unknown>): void {
    this.events.push({ position: this.events.length + 1, type, payload, at: "2026-11-01T08:00:00Z" });
    for (const follower of this.sockets) this.push(follower);
  }

  answer(text: string): void {
    const message = (words: string) => ({ content: [{ type: "text", text: words }] });
    // The rest of the turn before may still be on its way when something new is said.
    this.add("session.status_idle", { stop_reason: { type: "end_turn" } });
    this.add("session.status_running", {});
    this.add("user.message", message(text));
    setTimeout(() => {
      this.say("You said");
      this.add("agent.message", message(`You said: ${text}`));
      this.add("session.status_idle", { stop_reason: { type: "end_turn" } });
    }, 20);
  }

  /** Words on their way to a message; they are no events, and nothing that was missed is repeated. */
  say(text: string): void {
    const words = JSON.stringify({ type: "powerloom.words", event_id: "m1", at: 0, text });
    for (const { socket } of this.sockets) socket.send(words);
  }

  ticket(host: string): string {
    const ticket = `t${this.tickets.length + 1}`;
    this.tickets.push(ticket);
    return `${host.replace("http", "ws")}/sessions/${sessionId}/stream?ticket=${ticket}`;
  }

  connect(socket: WebSocket, url: URL): void {
    const after = Number(url.searchParams.get("after"));
    this.connections.push({ ticket: url.searchParams.get("ticket"), after });
    // One event too early: a server may repeat what was seen.
    const follower = { socket, next: Math.max(0, after - 1), sent: 0 };
    this.sockets.add(follower);
    socket.on("close", () => this.sockets.delete(follower));
    this.push(follower);
  }

  private push(follower: { socket: WebSocket; next: number; sent: number }): void {
    while (follower.next < this.events.length && follower.sent < this.perConnection) {
      follower.socket.send(JSON.stringify(this.events[follower.next]));
      follower.next += 1;
      follower.sent += 1;
    }
    if (follower.sent >= this.perConnection) follower.socket.close();
  }
}

let session: TestSession;
let api: RecordingApi;
let sockets: WebSocketServer;
beforeEach(async () => {
  session = new TestSession();
  api = await recordingApi(({ path, body, query }) => {
    const words = body as { prompt?: string; text?: string } | undefined;
    if (path === `/agents/${agent}/invoke`) {
      session.answer(words?.prompt ?? "");
      return {
        status: 201,
        body: { session_id: sessionId, websocket_url: session.ticket(api.url), status: "starting" },
      };
    }
    if (path.endsWith("/messages")) session.answer(words?.text ?? "");
    if (path.endsWith("/end")) session.add("powerloom.session_ended", { reason: "ended by its user" });
    if (path.endsWith("/ticket")) return { status: 201, body: { websocket_url: session.ticket(api.url) } };
    if (path.endsWith("/events"))
      return { body: { data: session.events.filter(({ position }) => position > Number(query["after"])) } };
    return { status: 202, body: { id: "c1", status: "accepted" } };
  });
  sockets = new WebSocketServer({ server: api.server });
  sockets.on("connection", (socket, request) => session.connect(socket, new URL(request.url ?? "/", "http://x")));
});
afterEach(async () => {
  for (const client of sockets.clients) client.terminate();
  sockets.close();
  await api.close();
});

const chat = (args: string[], lines: string[]) =>
  powerloom(["chat", ...args, "--api", api.url], { stdin: Readable.from(lines.map((line) => `${line}\n`)) });

describe("a conversation without a terminal", () => {
  test("says line after line, each when the agent rests, and ends the session with the last", async () => {
    const { code, stdout } = await chat([agent, "one"], ["two", "", "three"]);
    expect(code).toBe(0);
    expect(stdout.split("\n").filter((line) => line !== "")).toEqual([
      "› one",
      "You said: one",
      "› two",
      "You said: two",
      "› three",
      "You said: three",
      "■ Session over: ended by its user",
    ]);
  });

  test("takes its first prompt from stdin when there is none", async () => {
    const { stdout } = await chat([agent], ["first", "second"]);
    expect(stdout).toContain("You said: second");
    expect(api.requests.find(({ path }) => path.endsWith("/invoke"))?.body).toEqual({ prompt: "first" });
  });

  test("as JSON is one event per line, each once and in order, and nothing else", async () => {
    const { stdout, stderr } = await chat([agent, "one", "--json"], ["two"]);
    const printed = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as StreamEvent);
    expect(printed).toEqual(session.events);
    expect(stderr).toBe("");
  });

  test("goes on with a session from its beginning", async () => {
    session.answer("before");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { code, stdout } = await chat(["--session", sessionId], ["after"]);
    expect(code).toBe(0);
    expect(stdout.match(/You said: \w+/g)).toEqual(["You said: before", "You said: after"]);
    expect(api.requests.some(({ path }) => path.endsWith("/invoke"))).toBe(false);
  });

  test("without an agent or a session is wrong usage", async () => {
    expect((await chat([], [])).code).toBe(2);
  });
});

describe("a stream that breaks", () => {
  test("goes on where it was with a new ticket each time, without loss or repetition", async () => {
    session.perConnection = 3;
    for (let turn = 0; turn < 6; turn += 1)
      session.add("agent.message", { content: [{ type: "text", text: `${turn}` }] });
    session.add("powerloom.session_ended", { reason: "over" });
    const seen: number[] = [];
    const client = createApiClient({ apiUrl: api.url, token: "t" });
    for await (const event of followSession({ api: client, sessionId })) seen.push(event.position);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(session.connections.map(({ ticket }) => ticket)).toEqual(session.tickets);
    expect(session.connections.map(({ after }) => after)).toEqual([0, 3, 5]);
  });

  test("tells words as they come apart from events, in their order", async () => {
    const client = createApiClient({ apiUrl: api.url, token: "t" });
    const seen: unknown[] = [];
    session.add("session.status_running", {});
    const following = followSession({ api: client, sessionId, onWords: (words) => seen.push(words) });
    for await (const { type } of following) {
      seen.push(type);
      if (type === "session.status_running") {
        session.say("One");
        session.add("agent.message", {});
        session.say("Two");
        session.add("powerloom.session_ended", {});
      }
    }
    const words = (text: string) => ({ eventId: "m1", at: 0, text });
    const expected = ["session.status_running", words("One"), "agent.message", words("Two"), "powerloom.session_ended"];
    expect(seen).toEqual(expected);
  });

  test("is given up when the API stays away", async () => {
    await api.close();
    const client = createApiClient({ apiUrl: api.url });
    const events = followSession({ api: client, sessionId, patienceMs: 50 });
    await expect(events.next()).rejects.toMatchObject({ exitCode: 4 });
  });
});

describe("whose turn it is", () => {
  const event = (type: string, payload: unknown = {}): StreamEvent => ({ position: 1, type, payload, at: "" });
  const idle = (type: string) => event("session.status_idle", { stop_reason: { type } });

  test("a rest that was on its way before something was said does not count", () => {
    const said = { status: "said", text: "now" } as const;
    expect(turnAfter(said, idle("end_turn"))).toBe(said);
    const other = event("user.message", { content: [{ type: "text", text: "something else" }] });
    expect(turnAfter(said, other)).toBe(said);
    const own = event("user.message", { content: [{ type: "text", text: "now " }] });
    expect(turnAfter(said, own)).toEqual({ status: "running" });
  });

  test("waiting for an approver is no rest, the end is", () => {
    const running = { status: "running" } as const;
    expect(turnAfter(running, idle("requires_action"))).toBe(running);
    expect(turnAfter(running, idle("end_turn"))).toEqual({ status: "idle" });
    expect(turnAfter(running, event("powerloom.session_ended", { reason: "failed" }))).toEqual({
      status: "ended",
      reason: "failed",
    });
  });
});
