import { useEffect, useRef, useState } from "react";
import { queryClient } from "../../wire/client.ts";
import { followEvents } from "../../wire/event-stream.ts";
import type { ApiProblem } from "../../wire/problem.ts";
import { isFields, type RunEvent } from "./payload.ts";
import { openRunState, type RunNews, type RunState } from "./run-state.ts";
import { runStateAfter } from "./run-state-after.ts";

/** However fast events come, the page is drawn at most this often. */
const frameMs = 100;
/** What the events do not say (steps in full, figures) is asked for at most this often. */
const lookMs = 1_200;

/** What the stream's message says; undefined: nothing this page knows of. */
function newsIn(event: string | undefined, data: string): RunNews | undefined {
  if (event === "end") return { kind: "end" };
  const value = parsed(data);
  if (!isFields(value)) return undefined;
  if (event === "run_event" && typeof value["position"] === "number" && typeof value["type"] === "string")
    return { kind: "event", event: value as unknown as RunEvent };
  const { run, thread, text } = value;
  if (event === "tokens" && typeof run === "string" && typeof thread === "string" && typeof text === "string")
    return { kind: "words", run, thread, text };
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Has everything about a run asked for again. */
function lookAgain(runId: string): void {
  void queryClient.invalidateQueries({
    predicate: ({ queryKey }) =>
      typeof queryKey[1] === "string" &&
      queryKey[1].startsWith("/runs/{run_id}") &&
      JSON.stringify(queryKey[2] ?? null).includes(runId),
  });
}

/**
 * Follows one run while mounted: events in batches, one drawing for each. Also has the run asked for again when something
 * has happened. `refused`: it may not, or no longer, be seen. `broken`: the stream is away and being opened again.
 */
export function useRunStream(runId: string): { state: RunState; broken: boolean; refused: ApiProblem | undefined } {
  const [state, setState] = useState(() => openRunState(runId));
  const [broken, setBroken] = useState(false);
  const [refused, setRefused] = useState<ApiProblem>();
  const waiting = useRef<RunNews[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    let drawing: ReturnType<typeof setTimeout> | undefined;
    let looking: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const look = () => {
      looking = undefined;
      last = Date.now();
      lookAgain(runId);
    };
    const draw = () => {
      drawing = undefined;
      const batch = waiting.current;
      waiting.current = [];
      setState((before) => runStateAfter(before, batch));
      if (batch.some(({ kind }) => kind !== "words"))
        looking ??= setTimeout(look, Math.max(0, last + lookMs - Date.now()));
    };
    void followEvents({
      url: (after) => `/runs/${encodeURIComponent(runId)}/stream${after === undefined ? "" : `?after=${after}`}`,
      signal: stop.signal,
      onEvent: ({ event, data }) => {
        const news = newsIn(event, data);
        if (news === undefined) return;
        waiting.current.push(news);
        drawing ??= setTimeout(draw, frameMs);
        // The last there is: the stream closes, and is not to be opened again.
        if (news.kind === "end") stop.abort();
      },
      onState: (connection) => setBroken(connection === "broken"),
      onRefused: setRefused,
    });
    return () => {
      stop.abort();
      clearTimeout(drawing);
      clearTimeout(looking);
      waiting.current = [];
    };
  }, [runId]);
  return { state, broken, refused };
}
