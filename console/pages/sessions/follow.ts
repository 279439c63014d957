import type { Words } from "../../../core/being-said.ts";
import { api } from "../../wire/client.ts";
import { pause } from "../../wire/presence.ts";
import { type ApiProblem, toProblem } from "../../wire/problem.ts";
import type { SessionEvent } from "./entries.ts";
import { type Fields, fieldsIn } from "./payload.ts";

/** How a session's stream stands. */
export type Following =
  | { status: "opening" | "live" | "broken" }
  /** Everything has been told. */
  | { status: "over" }
  /** Nothing more will be told to this reader. */
  | { status: "refused"; problem: ApiProblem | undefined }
  | { status: "signed_out" };

export interface FollowOptions {
  sessionId: string;
  /** The last position up to which nothing is missing. */
  upTo: () => number;
  /** Events as they happen; the order is the stream's. */
  onEvents: (events: readonly SessionEvent[]) => void;
  /** Words as they come, of messages that are not told in full. */
  onWords: (words: readonly Words[]) => void;
  /** A page of events as they are stored after {@link FollowOptions.upTo}. */
  onStored: (events: readonly SessionEvent[]) => void;
  onState: (state: Following) => void;
  signal: AbortSignal;
}

/** Close codes of our streams. */
const ended = 1000;
const signedOut = 4401;
const forbidden = 4403;
const broken = 1006;

const firstWaitMs = 250;
const longestWaitMs = 8_000;
const pageSize = 1_000;
/** Nothing heard for so long, where something comes every 15 s: the connection is dead, whatever the browser believes. */
const silentMs = 40_000;
/** Events and words that come together are shown together: a page need not be drawn for each. */
const togetherMs = 30;

/** Follows a session's events from a position on, across broken connections, until it is over, refused or aborted. */
export async function followSession(options: FollowOptions): Promise<void> {
  const { signal, onState } = options;
  let waitMs = firstWaitMs;
  onState({ status: "opening" });
  while (!signal.aborted) {
    try {
      await readStored(options);
      const code = await listen(options, await openTicket(options), () => {
        waitMs = firstWaitMs;
        onState({ status: "live" });
      });
      if (signal.aborted) return;
      if (code === ended) return onState({ status: "over" });
      if (code === signedOut) return onState({ status: "signed_out" });
      if (code === forbidden) return onState({ status: "refused", problem: undefined });
    } catch (error) {
      if (signal.aborted) return;
      const problem = toProblem(error);
      if (problem.status === 401) return onState({ status: "signed_out" });
      if (problem.status >= 400 && problem.status < 500 && problem.status !== 429)
        return onState({ status: "refused", problem });
    }
    onState({ status: "broken" });
    await pause(waitMs, signal);
    waitMs = Math.min(waitMs * 2, longestWaitMs);
  }
}

/** Brings everything that is stored after the last position. */
export async function readStored({ sessionId, upTo, onStored, signal }: FollowOptions): Promise<void> {
  for (;;) {
    const { data } = await api.GET("/sessions/{session_id}/events", {
      params: { path: { session_id: sessionId }, query: { after: upTo(), limit: pageSize } },
      signal,
    });
    const events = data?.data ?? [];
    if (signal.aborted) return;
    onStored(events);
    if (events.length < pageSize) return;
  }
}

/** An address that opens one connection, once, at the host this page came from. */
async function openTicket({ sessionId, upTo, signal }: FollowOptions): Promise<URL> {
  const { data } = await api.POST("/sessions/{session_id}/ticket", {
    params: { path: { session_id: sessionId } },
    signal,
  });
  const url = new URL(data?.websocket_url ?? "", location.href);
  url.host = location.host;
  url.protocol = location.protocol.replace("http", "ws");
  url.searchParams.set("after", String(upTo()));
  return url;
}

/** Hears one connection out. Its close code; one that broke, or that this page gave up, has {@link broken}. */
function listen({ onEvents, onWords, signal }: FollowOptions, url: URL, onOpen: () => void): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    let together: SessionEvent[] = [];
    let heard: Words[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const pass = () => {
      timer = undefined;
      const [events, words] = [together, heard];
      [together, heard] = [[], []];
      if (signal.aborted) return;
      if (events.length > 0) onEvents(events);
      if (words.length > 0) onWords(words);
    };
    let silence: ReturnType<typeof setTimeout> | undefined;
    const finish = (code: number) => {
      clearTimeout(timer);
      clearTimeout(silence);
      pass();
      window.removeEventListener("offline", hangUp);
      signal.removeEventListener("abort", hangUp);
      resolve(code);
    };
    // A browser that knows it is offline need not find out by waiting.
    const hangUp = () => {
      finish(broken);
      socket.close();
    };
    const heardSomething = () => {
      clearTimeout(silence);
      silence = setTimeout(hangUp, silentMs);
    };
    heardSomething();
    window.addEventListener("offline", hangUp);
    signal.addEventListener("abort", hangUp);
    socket.addEventListener("open", onOpen);
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      heardSomething();
      const event = typeof data === "string" ? fieldsIn(data) : undefined;
      const words = event === undefined ? undefined : wordsIn(event);
      if (words !== undefined) heard.push(words);
      else if (typeof event?.["position"] === "number" && typeof event["type"] === "string")
        together.push(event as unknown as SessionEvent);
      else return;
      timer ??= setTimeout(pass, togetherMs);
    });
    socket.addEventListener("close", ({ code }) => finish(code));
    if (signal.aborted) hangUp();
  });
}

function wordsIn({ type, event_id: eventId, at, text }: Fields): Words | undefined {
  if (type !== "powerloom.words") return undefined;
  return typeof eventId === "string" && typeof at === "number" && typeof text === "string"
    ? { eventId, at, text }
    : undefined;
}
