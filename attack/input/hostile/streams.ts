import { setTimeout as sleep } from "node:timers/promises";
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
