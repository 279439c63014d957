import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { runEventView } from "../../contracts/runs.ts";
import type { ApiClient } from "../api-client.ts";
import { againAfter } from "../ask-again.ts";
import { CliFailure } from "../failure.ts";
import { linesOf } from "../lines.ts";
import { serverEvents } from "./server-events.ts";

export type RunEvent = z.infer<typeof runEventView>;

/** What comes from a run that is watched: what happened, and a model's words as they come. */
export type RunNews = { kind: "event"; event: RunEvent } | { kind: "words"; run: string; thread: string; text: string };

export interface FollowOptions {
  api: ApiClient;
  runId: string;
  signal?: AbortSignal;
  /** How long to go on trying when the API is gone. Default 60 s. */
  patienceMs?: number;
  /** How often to ask where there is no stream. Default 500 ms. */
  pollMs?: number;
}

const wordsMessage = z.object({ run: z.string(), thread: z.string(), text: z.string() });
/** The API says something every 15 s; a connection that is quiet for longer is dead. */
const quietMs = 45_000;
const page = 200;

/**
 * The events of a run and its subagents from the first, each exactly once and in order, across reconnections. Ends when
 * the run has ended and all of them were seen, or on the signal.
 */
export async function* followRun(options: FollowOptions): AsyncGenerator<RunNews> {
  const { api, runId, signal, patienceMs = 60_000, pollMs = 500 } = options;
  const path = `/runs/${encodeURIComponent(runId)}`;
  let last = 0;
  let failing: number | undefined;
  let streams = true;
  for (let pause = 100; signal?.aborted !== true; ) {
    try {
      const round = streams ? streamed(api, path, last, signal) : polled(api, path, last, pollMs, signal);
      for await (const news of round) {
        failing = undefined;
        pause = 100;
        if (news.kind === "end") return;
        if (news.kind === "event") {
          if (news.event.position <= last) continue;
          last = news.event.position;
        }
        yield news;
      }
    } catch (error) {
      // Asking goes on instead: when it is the run that is missing, that says so.
      if (streams && error instanceof CliFailure && error.problem.status === 404) {
        streams = false;
        continue;
      }
      const wait = againAfter(error, pause);
      if (wait === undefined) throw error;
      failing ??= Date.now();
      if (Date.now() + wait - failing > patienceMs) throw error;
      pause = wait;
    }
    await delay(pause, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    pause = Math.min(pause * 2, 2_000);
  }
}

type Round = AsyncGenerator<RunNews | { kind: "end" }>;

async function* streamed(api: ApiClient, path: string, after: number, signal: AbortSignal | undefined): Round {
  const response = await api.stream({
    method: "GET",
    path: `${path}/stream`,
    query: { after },
    headers: { accept: "text/event-stream" },
  });
  const chunks = chunksOf(response.body ?? new Blob([]).stream(), signal);
  for await (const { event, data } of serverEvents(linesOf(chunks))) {
    if (event === "end") {
      yield { kind: "end" };
      return;
    }
    if (event === "tokens") {
      const words = wordsMessage.safeParse(parsed(data));
      if (words.success) yield { kind: "words", ...words.data };
    }
    if (event === "run_event") {
      const read = runEventView.safeParse(parsed(data));
      if (read.success) yield { kind: "event", event: read.data };
    }
  }
}

async function* polled(
  api: ApiClient,
  path: string,
  after: number,
  pollMs: number,
  signal: AbortSignal | undefined,
): Round {
  for (let last = after; signal?.aborted !== true; ) {
    // The run before its events: when it has ended, all of them are there.
    const { completed_at: ended } = await api.get<{ completed_at: string | null }>(path);
    const { data } = await api.get<{ data: RunEvent[] }>(`${path}/events`, { after: last, limit: page });
    for (const event of data) {
      last = event.position;
      yield { kind: "event", event };
    }
    if (ended !== null && data.length === 0) {
      yield { kind: "end" };
      return;
    }
    if (data.length === 0)
      await delay(pollMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}

/** A body's chunks until it ends, is quiet for too long, or the signal comes. */
async function* chunksOf(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  const watchdog = setTimeout(cancel, quietMs);
  signal?.addEventListener("abort", cancel);
  try {
    while (signal?.aborted !== true) {
      const { done, value } = await reader.read();
      if (done) return;
      watchdog.refresh();
      yield value;
    }
  } finally {
    clearTimeout(watchdog);
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
