import type { SessionRef } from "../core/ids.ts";
import type { ActivityDeps } from "./deps.ts";
import type { WireEvent } from "./session-events.ts";
import { type WordRelay, wordRelay } from "./word-relay.ts";

/** Previews that a stream is asked for: an agent's messages as they are written. Best effort, and never listed. */
export const previews = ["agent.message" as const];

export interface SessionWords {
  take(event: WireEvent): void;
  close(): void;
}

/**
 * Passes the words of a session's messages on to its watchers as they come, without storing them. A message that was begun
 * before the stream was opened is left alone: where its words belong is not known.
 */
export function sessionWords(deps: Pick<ActivityDeps, "db">, ref: SessionRef): SessionWords {
  const relays = new Map<string, WordRelay>();
  const notify = (payload: string) => deps.db.anywhere.run("select pg_notify('session_words', $1)", [payload]);
  const close = () => {
    for (const relay of relays.values()) relay.close();
    relays.clear();
  };
  return {
    take({ type, id, event, event_id: eventId, delta }) {
      if (type === "event_start" && event?.type === "agent.message")
        relays.set(event.id, wordRelay(notify, { session: ref.sessionId, event_id: event.id }));
      if (type === "event_delta" && eventId !== undefined && delta?.content?.type === "text")
        relays.get(eventId)?.text(delta.content.text ?? "");
      if (type === "agent.message" && id !== undefined) {
        relays.get(id)?.close();
        relays.delete(id);
      }
      // What was begun and has not become a message by now never will.
      if (type === "span.model_request_end" || type === "session.status_idle") close();
    },
    close,
  };
}
