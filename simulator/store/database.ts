import { DatabaseSync } from "node:sqlite";

const schema = `
  CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL,
    created_at TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, parent, id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, parent, seq);
  CREATE INDEX IF NOT EXISTS objects_by_time ON objects (kind, created_at);
  CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS events_by_session ON events (session_id, seq);
`;

/**
 * Opens the state: a SQLite file, or memory when no file is named.
 * WAL with `synchronous = NORMAL` keeps every committed write across SIGKILL (not across a power cut), which is what
 * a stand-in needs, at a tenth of the cost of a full sync per event.
 */
export function openDatabase(file: string | undefined): DatabaseSync {
  const database = new DatabaseSync(file ?? ":memory:");
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000;");
  database.exec(schema);
  return database;
}

/** Runs the body in one transaction; nothing of it is kept when it throws. Nested calls join the outer one. */
export function atomically<T>(database: DatabaseSync, body: () => T): T {
  if (database.isTransaction) return body();
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
