import type { DatabaseSync, SQLInputValue } from "node:sqlite";

/** What every stored object has, so that lists can be ordered and filtered. */
export interface Stored {
  id: string;
  created_at: string;
}

interface ScanOptions {
  parent?: string;
  order: "asc" | "desc";
  /** Only objects beyond this sequence number, in the direction of the order. */
  after?: number;
  created?: Partial<Record<"gt" | "gte" | "lt" | "lte", string>>;
}

export interface Collection<T extends Stored> {
  insert(object: T, parent?: string): void;
  get(id: string, parent?: string): T | undefined;
  replace(object: T, parent?: string): void;
  remove(id: string, parent?: string): void;
  scan(options: ScanOptions): Generator<{ seq: number; object: T }>;
  /** All of them, oldest first, read to the end: for loops that change the collection. */
  all(parent?: string): T[];
}

const operators = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;

/** One kind of object, stored as JSON documents. `parent` scopes identifiers (versions of an agent, say). */
export function collection<T extends Stored>(database: DatabaseSync, kind: string): Collection<T> {
  const insert = database.prepare("INSERT INTO objects (kind, id, parent, created_at, body) VALUES (?, ?, ?, ?, ?)");
  const get = database.prepare("SELECT body FROM objects WHERE kind = ? AND parent = ? AND id = ?");
  const replace = database.prepare("UPDATE objects SET body = ? WHERE kind = ? AND parent = ? AND id = ?");
  const remove = database.prepare("DELETE FROM objects WHERE kind = ? AND parent = ? AND id = ?");
  const stored: Collection<T> = {
    insert: (object, parent = "") => {
      insert.run(kind, object.id, parent, object.created_at, JSON.stringify(object));
    },
    get: (id, parent = "") => {
      const row = get.get(kind, parent, id) as { body: string } | undefined;
      return row === undefined ? undefined : (JSON.parse(row.body) as T);
    },
    replace: (object, parent = "") => {
      replace.run(JSON.stringify(object), kind, parent, object.id);
    },
    remove: (id, parent = "") => {
      remove.run(kind, parent, id);
    },
    *scan({ parent, order, after, created = {} }) {
      const conditions = ["kind = ?"];
      const values: SQLInputValue[] = [kind];
      const where = (condition: string, value: SQLInputValue) => {
        conditions.push(condition);
        values.push(value);
      };
      if (parent !== undefined) where("parent = ?", parent);
      if (after !== undefined) where(order === "asc" ? "seq > ?" : "seq < ?", after);
      for (const [name, operator] of Object.entries(operators)) {
        const value = created[name as keyof typeof operators];
        if (value !== undefined) where(`created_at ${operator} ?`, value);
      }
      const sql = `SELECT seq, body FROM objects WHERE ${conditions.join(" AND ")} ORDER BY seq ${order}`;
      for (const row of database.prepare(sql).iterate(...values)) {
        const { seq, body } = row as unknown as { seq: number; body: string };
        yield { seq, object: JSON.parse(body) as T };
      }
    },
    all: (parent) => {
      const rows = stored.scan({ order: "asc", ...(parent === undefined ? {} : { parent }) });
      return Array.from(rows, ({ object }) => object);
    },
  };
  return stored;
}
