import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import WebSocket from "ws";
import { mostStreamsPerPerson } from "../../../api/open-streams.ts";
import { eventually } from "../../../test/support/new-organisation.ts";
import { type Case, memoryOf, type Scene, wordsOf } from "./scene.ts";

/** More than the server keeps for anybody; what a process grows by beside it is its own rubbish. */
const mostGrowth = 96 * 1024 * 1024;

/** What becomes of an upgrade: `open`, or the status that refuses it. */
function upgrade(url: string): Promise<{ socket: WebSocket; outcome: string }> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.once("open", () => resolve({ socket, outcome: "open" }));
    socket.once("unexpected-response", (_request, response) => resolve({ socket, outcome: `${response.statusCode}` }));
    socket.on("error", () => resolve({ socket, outcome: "closed without an answer" }));
  });
}

/** The URL of a session's stream, with a ticket of its own. */
async function streamUrl({ arena, token }: Scene, sessionId: string): Promise<string> {
  const answer = await fetch(`${arena.apiUrl}/sessions/${sessionId}/ticket`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
  });
  return ((await answer.json()) as { websocket_url: string }).websocket_url;
}

const sessions = new WeakMap<Scene, Promise<string>>();

/** A session of the scene's agent, opened once. */
function sessionOf(scene: Scene): Promise<string> {
  const opened =
    sessions.get(scene) ??
    eventually(async () => {
      const answer = await fetch(`${scene.arena.apiUrl}/agents/${scene.agentId}/invoke`, {
        method: "POST",
        headers: { authorization: `Bearer ${scene.token}`, "content-type": "application/json" },
        body: JSON.stringify({ prompt: "Hello" }),
      });
      // Until the provider has the agent it cannot be invoked.
      return answer.status === 201 ? ((await answer.json()) as { session_id: string }).session_id : undefined;
    }, "the agent can be invoked");
  sessions.set(scene, opened);
  return opened;
}

async function openOne(scene: Scene): Promise<WebSocket> {
  const { socket, outcome } = await upgrade(await streamUrl(scene, await sessionOf(scene)));
  if (outcome !== "open") throw new Error(`the stream was refused: ${outcome}`);
  return socket;
}

/** More than what a process may grow by, if it were kept. */
const unread = { rows: 20_000, bytes: 8_000 };

/** Stores events past the API, as many as many people at work would make. */
async function store(
  { arena, agentId }: Scene,
  sessionId: string,
  table: string,
  { rows, words }: { rows: number; words: string } = { rows: unread.rows, words: "x".repeat(unread.bytes) },
): Promise<void> {
  const sql = new Client({ connectionString: arena.adminUrl });
  await sql.connect();
  try {
    if (table === "change_events")
      await sql.query(
        `insert into change_events (organisation_id, ou_id, type, permission, payload)
         select organisation_id, ou_id, 'agent.updated', 'agent:read', jsonb_build_object('words', $2::text)
           from agents, generate_series(1, $3) where id = $1`,
        [agentId, words, rows],
      );
    else
      await sql.query(
        `insert into session_events (organisation_id, session_id, position, type, payload)
         select organisation_id, id, 1000000 + n, 'agent.message', jsonb_build_object('words', $2::text)
           from sessions, generate_series(1, $3) n where id = $1 on conflict do nothing`,
        [sessionId, words, rows],
      );
  } finally {
    await sql.end();
  }
}

/** A stream of changes by a socket of one's own, of which nothing is read until somebody asks. */
async function openChanges({ arena, token }: Scene): Promise<Socket> {
  const { hostname, port } = new URL(arena.apiUrl);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.write(`GET /events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  // The answer has begun: from here on the stream tells of what is stored.
  await new Promise<void>((resolve) =>
    socket.once("data", () => {
      socket.pause();
      resolve();
    }),
  );
  return socket;
}

/** A session's stream of which nothing is read. */
async function openUnread(scene: Scene): Promise<{ destroy(): void }> {
  const socket = await openOne(scene);
  socket.pause();
  return { destroy: () => socket.terminate() };
}

const closed = (socket: WebSocket, patienceMs = 10_000) =>
  Promise.race([
    new Promise<string>((resolve) => socket.once("close", (code) => resolve(`closed with ${code}`))),
    sleep(patienceMs, "still open"),
  ]);

export const streams: Case[] = [
  {
    what: "a WebSocket without a ticket",
    attempt: async (scene) =>
      (await upgrade(`${scene.arena.apiUrl.replace("http", "ws")}/sessions/${scene.agentId}/stream`)).outcome,
    answer: /^401$/,
  },
  {
    what: "a WebSocket to another path",
    attempt: async (scene) => (await upgrade(`${scene.arena.apiUrl.replace("http", "ws")}/agents`)).outcome,
    answer: /^401$/,
  },
  {
    what: "a ticket used again",
    attempt: async (scene) => {
      const url = await streamUrl(scene, await sessionOf(scene));
      const first = await upgrade(url);
      const second = await upgrade(url);
      first.socket.terminate();
      return second.outcome;
    },
    answer: /^401$/,
  },
  {
    what: "a frame of 1 MB",
    attempt: async (scene) => {
      const socket = await openOne(scene);
      socket.send("x".repeat(1024 * 1024));
      return closed(socket);
    },
    answer: /^closed with (1009|1006)$/,
  },
  {
    what: "300,000 pings from somebody who reads no pong",
    attempt: async (scene) => {
      const socket = await openOne(scene);
      const before = await memoryOf(scene);
      socket.pause();
      for (let sent = 0; sent < 300_000 && socket.readyState === socket.OPEN; sent += 1) {
        socket.ping("x".repeat(120));
        if (sent % 1_000 === 0) await sleep(1);
      }
      const growth = (await memoryOf(scene)) - before;
      socket.terminate();
      return growth < mostGrowth ? "memory stays bounded" : `memory grew by ${Math.round(growth / 1024 / 1024)} MB`;
    },
    answer: /^memory stays bounded$/,
  },
  ...[
    { kind: "server-sent events", table: "change_events", open: openChanges },
    { kind: "a WebSocket", table: "session_events", open: openUnread },
  ].map(
    ({ kind, table, open }): Case => ({
      what: `${(unread.rows * unread.bytes) / 1e6} MB for somebody who reads none of it, by ${kind}`,
      attempt: async (scene) => {
        const session = await sessionOf(scene);
        const before = await memoryOf(scene);
        const silent = await open(scene);
        await store(scene, session, table);
        // Time to take up all of it, for a server that does.
        await sleep(5_000);
        const mark = `last-${crypto.randomUUID()}`;
        const reader = await openChanges(scene);
        let read = "";
        reader.setEncoding("utf8").on("data", (text: string) => {
          read += text;
        });
        reader.resume();
        await store(scene, session, "change_events", { rows: 1, words: mark });
        const told = await eventually(
          async () => (read.includes(mark) ? true : undefined),
          "others are told",
          30_000,
        ).then(
          () => "others are told",
          () => "others are not told",
        );
        const growth = (await memoryOf(scene)) - before;
        for (const socket of [silent, reader]) socket.destroy();
        const memory =
          growth < mostGrowth ? "memory stays bounded" : `memory grew by ${Math.round(growth / 1024 / 1024)} MB`;
        return `${memory}, ${told}`;
      },
      answer: /^memory stays bounded, others are told$/,
      long: "takes a quarter of a minute",
    }),
  ),
  {
    what: "nothing read of server-sent events, for longer than they wait",
    attempt: async (scene) => {
      const session = await sessionOf(scene);
      const silent = await openChanges(scene);
      const ended = new Promise<string>((resolve) => {
        silent.once("close", () => resolve("cut off"));
        silent.on("error", () => undefined);
      });
      await store(scene, session, "change_events");
      // A socket that is not read does not hear of its end: it is asked for what had arrived before.
      await sleep(45_000);
      silent.resume();
      return Promise.race([ended, sleep(10_000, "still open")]);
    },
    answer: /^cut off$/,
    long: "takes a minute",
  },
  {
    what: `${mostStreamsPerPerson + 16} streams of one person at once`,
    attempt: async (scene) => {
      const opened = await Promise.all(
        Array.from({ length: mostStreamsPerPerson + 16 }, async () =>
          upgrade(await streamUrl(scene, await sessionOf(scene))),
        ),
      );
      const outcomes = opened.map(({ outcome }) => outcome);
      const events = await fetch(`${scene.arena.apiUrl}/events`, {
        headers: { authorization: `Bearer ${scene.token}` },
      });
      const told = await wordsOf(events);
      for (const { socket } of opened) socket.terminate();
      // The places are free again.
      await eventually(async () => {
        const again = await fetch(`${scene.arena.apiUrl}/events`, {
          headers: { authorization: `Bearer ${scene.token}` },
        });
        await again.body?.cancel();
        return again.status === 200 ? true : undefined;
      }, "closed streams make room");
      const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length;
      return `${count("open")} open, ${count("429")} refused with 429; one more by server-sent events: ${told}`;
    },
    answer: new RegExp(`^${mostStreamsPerPerson} open, 16 refused with 429; .*: 429 `),
  },
];
