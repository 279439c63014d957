import type { NewSessionEvent } from "../db/queries/sessions.ts";

/** An event of the provider, as far as we look into it. */
export type WireEvent = {
  id?: string;
  type: string;
  processed_at?: string | null;
  stop_reason?: { type: string; event_ids?: string[] };
  /** Of `event_start`: what is begun. */
  event?: { type: string; id: string };
  /** Of `event_delta`: what goes on, and with what. */
  event_id?: string;
  delta?: { content?: { type: string; text?: string } };
};

/**
 * What is stored of a provider's event. The queued echo of a user event comes again, processed, under the same id: only
 * that one is kept. Previews are best-effort and have no id of their own.
 */
export function toSessionEvent(event: WireEvent): NewSessionEvent | undefined {
  if (event.id === undefined || (event.type.startsWith("user.") && event.processed_at == null)) return undefined;
  return { providerEventId: event.id, type: event.type, payload: event };
}
