import { conflict, invalid } from "../http/errors.ts";
import type { Store } from "../store/store.ts";
import type { NewEvent, Session, SessionEvent } from "../store/wire.ts";
import { openCalls } from "./open-calls.ts";
import type { Sendable } from "./schema.ts";

/** Validates all events of one request and stores them as queued: all or none. */
export function queueEvents(store: Store, session: Session, events: Sendable[]): SessionEvent[] {
  if (session.archived_at !== null || session.status === "terminated") {
    throw conflict(`Session ${session.id} is archived and takes no more events.`);
  }
  validate(store.events.history(session.id), events);
  return store.atomically(() => events.map((event) => store.events.queue(session.id, event as NewEvent)));
}

function validate(history: SessionEvent[], events: Sendable[]): void {
  const open = openCalls(history);
  const answered = new Set<string>();
  for (const event of history) {
    if (event.type === "user.tool_confirmation") answered.add(event.tool_use_id);
    if (event.type === "user.custom_tool_result") answered.add(event.custom_tool_use_id);
  }
  events.forEach((event, index) => {
    const fault = (message: string) => invalid(`events.${index}: ${message}`);
    if (event.type === "system.message" && index !== events.length - 1) {
      throw fault("a system.message must be the last event of a request");
    }
    if (event.type !== "user.tool_confirmation" && event.type !== "user.custom_tool_result") return;
    const custom = event.type === "user.custom_tool_result";
    const id = custom ? event.custom_tool_use_id : event.tool_use_id;
    const call = open.find(({ use }) => use.id === id);
    if (answered.has(id)) throw fault(`tool use ${id} has been answered already`);
    if (call === undefined || !call.needsAction || (call.use.type === "agent.custom_tool_use") !== custom) {
      throw fault(`tool use ${id} is not waiting for this answer`);
    }
    answered.add(id);
  });
}
