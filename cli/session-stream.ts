import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { z } from "zod";
import type { Words } from "../core/being-said.ts";
import type { ApiClient } from "./api-client.ts";
import { againAfter } from "./ask-again.ts";
import { CliFailure, exitCodes } from "./failure.ts";
import type { StreamEvent } from "./render-event.ts";

const message = z.object({ position: z.int(), type: z.string(), payload: z.unknown(), at: z.string() });
const wordsMessage = z.object({
  type: z.literal("powerloom.words"),
  event_id: z.string(),
  at: z.int().nonnegative(),
  text: z.string(),
});

export interface FollowOptions {
  api: ApiClient;
  sessionId: string;
  /** The address that came with the session; without it a ticket is asked for first. */
  websocketUrl?: string | undefined;
  /** Position of the last event already seen. */
  after?: number;
  /** Called with an agent's words as they come, before the event that is their message; some may be missing. */
  onWords?: (words: Words) => void;
  signal?: AbortSignal;
  /** How long to go on trying when the API is gone. Default 60 s. */
  patienceMs?: number;
}

// A dead connection must not look like a quiet session.
const pingMs = 15_000;

/**
 * A session's events from a position on, each exactly once and in order, across reconnections. Ends after
 * `powerloom.session_ended`, or on the signal.
 */
export async function* followSession(options: FollowOptions): AsyncGenerator<StreamEvent> {
  const { api, sessionId, signal, patienceMs = 60_000 } = options;
  let last = options.after ?? 0;
  let url = options.websocketUrl;
  let failing: number | undefined;
  for (let pause = 100; signal?.aborted !== true; ) {
    try {
      // A ticket opens one connection; the next needs a new one.
      url ??= (await api.post<{ websocket_url: string }>(`/sessions/${sessionId}/ticket`)).websocket_url;
      for await (const event of connection(address(api, url, last), signal)) {
        failing = undefined;
        pause = 100;
        if (!("position" in event)) {
          options.onWords?.(event);
          continue;
        }
        if (event.position <= last) continue;
        last = event.position;
        yield event;
        if (event.type === "powerloom.session_ended") return;
      }
    } catch (error) {
      const wait = againAfter(error, pause);
      if (wait === undefined) throw error;
      failing ??= Date.now();
      if (Date.now() + wait - failing > patienceMs) throw error;
      pause = wait;
    }
    url = undefined;
    await delay(pause, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    pause = Math.min(pause * 2, 2_000);
  }
}

function address(api: ApiClient, url: string, after: number): URL {
  const whole = new URL(url, api.apiUrl);
  whole.protocol = whole.protocol.replace(/^http/, "ws");
  whole.searchParams.set("after", String(after));
  return whole;
}

/** The messages of one connection, until it closes. */
async function* connection(url: URL, signal: AbortSignal | undefined): AsyncGenerator<StreamEvent | Words> {
  const socket = new WebSocket(url);
  const arrived: (StreamEvent | Words)[] = [];
  let closed = false;
  let failure: Error | undefined;
  let alive = true;
  let wake = () => {};
  const close = () => socket.terminate();
  socket.on("message", (data: Buffer) => {
    alive = true;
    const read = readMessage(data.toString());
    if (read !== undefined) arrived.push(read);
    wake();
  });
  socket.on("pong", () => {
    alive = true;
  });
  socket.on("error", (error) => {
    failure = new CliFailure(exitCodes.unreachable, `The session's stream cannot be opened: ${error.message}`);
  });
  socket.on("close", () => {
    closed = true;
    wake();
  });
  const ping = setInterval(() => {
    if (!alive) socket.terminate();
    alive = false;
    if (socket.readyState === WebSocket.OPEN) socket.ping();
  }, pingMs);
  signal?.addEventListener("abort", close);
  try {
    for (;;) {
      const next = arrived.shift();
      if (next !== undefined) yield next;
      else if (closed) break;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    if (failure !== undefined && signal?.aborted !== true) throw failure;
  } finally {
    clearInterval(ping);
    signal?.removeEventListener("abort", close);
    socket.terminate();
  }
}

/** What a server says; undefined for what this version does not know. */
function readMessage(text: string): StreamEvent | Words | undefined {
  const value = parsed(text);
  const words = wordsMessage.safeParse(value);
  if (words.success) return { eventId: words.data.event_id, at: words.data.at, text: words.data.text };
  return message.safeParse(value).data;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
