import { createParser, type EventSourceMessage } from "eventsource-parser";
import { problemIn } from "./client.ts";
import { ApiProblem } from "./problem.ts";

export interface EventStreamOptions {
  /** Where the stream is; `after` is the id of the last event seen. */
  url: (after: string | undefined) => string;
  onEvent: (event: EventSourceMessage) => void;
  /** Open, or broken and being opened again. */
  onState?: (state: "open" | "broken") => void;
  /** It will not be tried again: the reader may not see it, or is signed in no more. */
  onRefused?: (problem: ApiProblem) => void;
  signal: AbortSignal;
}

const firstWaitMs = 500;
const longestWaitMs = 10_000;

/**
 * Follows server-sent events until aborted or refused; a broken stream goes on after the last event seen. The browser's own
 * EventSource neither says why a stream was refused nor passes on events whose names it was not told.
 */
export async function followEvents(options: EventStreamOptions): Promise<void> {
  let after: string | undefined;
  let waitMs = firstWaitMs;
  while (!options.signal.aborted) {
    try {
      const response = await fetch(options.url(after), {
        signal: options.signal,
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
      for (let part = await reader.read(); !part.done; part = await reader.read()) parser.feed(part.value);
    } catch (error) {
      if (options.signal.aborted) return;
      if (error instanceof ApiProblem && error.status >= 400 && error.status < 500 && error.status !== 429) {
        options.onRefused?.(error);
        return;
      }
    }
    options.onState?.("broken");
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, longestWaitMs);
  }
}
