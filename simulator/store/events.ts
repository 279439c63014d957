import { EventEmitter } from "node:events";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { newId, timestamp } from "../ids.ts";
import type { NewEvent, Preview, SessionEvent } from "./wire.ts";

interface EventQuery {
  order: "asc" | "desc";
  after?: number;
  types?: string[];
  created?: Partial<Record<"gt" | "gte" | "lt" | "lte", string>>;
  limit: number;
}

export interface EventLog {
  /** Stores an event that is processed as it happens, and tells the open streams. */
  emit(sessionId: string, event: NewEvent, id?: string): SessionEvent;
  /** Stores an event a client sent: queued, `processed_at` null. */
  queue(sessionId: string, event: NewEvent): SessionEvent;
  /** Marks a queued event as processed; it takes its place in the history now, under the same id. */
  process(sessionId: string, event: SessionEvent): void;
  preview(sessionId: string, preview: Preview): void;
  history(sessionId: string): SessionEvent[];
  list(sessionId: string, query: EventQuery): { seq: number; event: SessionEvent }[];
  /** Removes the history and ends the open streams. */
  erase(sessionId: string): void;
  subscribe(sessionId: string, listener: (message: StreamMessage) => void): () => void;
}

export type StreamMessage = { kind: "event"; event: SessionEvent } | { kind: "preview"; preview: Preview };

/** The events of all sessions: stored in order, told to whoever listens. */
export function eventLog(database: DatabaseSync): EventLog {
  const listeners = new EventEmitter();
  listeners.setMaxListeners(0);
  const insert = database.prepare("INSERT INTO events (session_id, id, at, body) VALUES (?, ?, ?, ?)");
  const removeOne = database.prepare("DELETE FROM events WHERE id = ?");
  const removeAll = database.prepare("DELETE FROM events WHERE session_id = ?");
  const all = database.prepare("SELECT body FROM events WHERE session_id = ? ORDER BY seq");

  const tell = (sessionId: string, message: StreamMessage) => listeners.emit(sessionId, message);
  const store = (sessionId: string, event: NewEvent, id: string, processedAt: string | null): SessionEvent => {
    const stored = { id, ...event, processed_at: processedAt } as SessionEvent;
    insert.run(sessionId, id, timestamp(), JSON.stringify(stored));
    tell(sessionId, { kind: "event", event: stored });
    return stored;
  };

  return {
    emit: (sessionId, event, id = newId("sevt")) => store(sessionId, event, id, timestamp()),
    queue: (sessionId, event) => store(sessionId, event, newId("sevt"), null),
    process: (sessionId, event) => {
      removeOne.run(event.id);
      store(sessionId, event, event.id, timestamp());
    },
    preview: (sessionId, preview) => {
      tell(sessionId, { kind: "preview", preview });
    },
    history: (sessionId) => all.all(sessionId).map((row) => JSON.parse(String(row["body"])) as SessionEvent),
    list: (sessionId, query) => {
      const conditions = ["session_id = ?"];
      const values: SQLInputValue[] = [sessionId];
      const where = (condition: string, ...more: SQLInputValue[]) => {
        conditions.push(condition);
        values.push(...more);
      };
      if (query.after !== undefined) where(query.order === "asc" ? "seq > ?" : "seq < ?", query.after);
      if (query.types !== undefined && query.types.length > 0) {
        where(`body ->> 'type' IN (${query.types.map(() => "?").join(", ")})`, ...query.types);
      }
      for (const [name, operator] of [
        ["gt", ">"],
        ["gte", ">="],
        ["lt", "<"],
        ["lte", "<="],
      ] as const) {
        const value = query.created?.[name];
        if (value !== undefined) where(`at ${operator} ?`, value);
      }
      const sql = `SELECT seq, body FROM events WHERE ${conditions.join(" AND ")} ORDER BY seq ${query.order} LIMIT ?`;
      return database
        .prepare(sql)
        .all(...values, query.limit)
        .map((row) => ({ seq: Number(row["seq"]), event: JSON.parse(String(row["body"])) as SessionEvent }));
    },
    erase: (sessionId) => {
      removeAll.run(sessionId);
      const deleted = { id: newId("sevt"), type: "session.deleted", processed_at: timestamp() } as const;
      tell(sessionId, { kind: "event", event: deleted });
    },
    subscribe: (sessionId, listener) => {
      listeners.on(sessionId, listener);
      return () => listeners.off(sessionId, listener);
    },
  };
}
