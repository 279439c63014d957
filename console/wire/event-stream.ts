import { createParser, type EventSourceMessage } from "eventsource-parser";
import { onLeave, pause, shown } from "./presence.ts";
import { ApiProblem, problemIn } from "./problem.ts";

export interface EventStreamOptions {
  /** Where the stream is; `after` is the id of the last event seen. */
  url: (after: string | undefined) => string;
  onEvent: (event: EventSourceMessage) => void;
  /** Open, or broken and being opened again. */
  onState?: (state: "open" | "broken") => void;
  /** It will not be tried again: the reader may not see it, or is signed in no more. */
  onRefused?: (problem: ApiProblem) => void;
  signal: AbortSignal;
  /** So long nothing may come, where something comes every 15 s. */
  silentMs?: number;
}

const firstWaitMs = 500;
const longestWaitMs = 10_000;

/**
 * Follows server-sent events until aborted or refused; a broken or dead stream goes on after the last event seen. The browser's
 * own EventSource neither says why a stream was refused nor passes on events whose names it was not told. While nobody looks at
 * the page it follows nothing: over HTTP/1.1 a browser has six connections to a host, for all its windows together.
 */
export async function followEvents(options: EventStreamOptions): Promise<void> {
  const { signal, silentMs = 40_000 } = options;
  let after: string | undefined;
  let waitMs = firstWaitMs;
  for (await shown(signal); !signal.aborted; await shown(signal)) {
    const over = new AbortController();
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heardSomething = () => {
      clearTimeout(silence);
      silence = setTimeout(() => over.abort(), silentMs);
    };
    heardSomething();
    onLeave(() => over.abort(), over.signal);
    try {
      const response = await fetch(options.url(after), {
        signal: AbortSignal.any([signal, over.signal]),
        headers: { Accept: "text/event-stream" },
        cache: "no-store",
      });
      if (!response.ok || response.body === null) throw await problemIn(response);
      options.onState?.("open");
      waitMs = firstWaitMs;
      const parser = createParser({
        onEvent: (event) => {
          if (event.id !== undefined) after = event.id;
          options.onEvent(event);
        },
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        heardSomething();
        parser.feed(part.value);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiProblem && error.status >= 400 && error.status < 500 && error.status !== 429) {
        options.onRefused?.(error);
        return;
      }
    } finally {
      clearTimeout(silence);
      over.abort();
    }
    if (signal.aborted) return;
    options.onState?.("broken");
    await pause(waitMs, signal);
    waitMs = Math.min(waitMs * 2, longestWaitMs);
  }
}
