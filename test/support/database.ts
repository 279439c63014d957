import { type ClientBase, Pool, type QueryResultRow } from "pg";
import { sharedStack } from "./organisation.ts";

/** What those connections are called, which are no process of ours. */
export const superuserName = "powerloom-test-superuser";

/** One per server. A connection is kept for the next who asks: a new one costs more than most of what is asked through it. */
const pools = new Map<string, Pool>();

function poolOf(url: string): Pool {
  const known = pools.get(url);
  if (known !== undefined) return known;
  const pool = new Pool({ connectionString: url, application_name: superuserName, max: 20, allowExitOnIdle: true });
  // The stack ends before this process does.
  pool.on("error", () => undefined);
  pools.set(url, pool);
  return pool;
}

/** Runs `body` as a superuser: to look behind every rule, and to break what only a superuser can. */
export async function asSuperuser<Result>(body: (sql: ClientBase) => Promise<Result>): Promise<Result> {
  const client = await poolOf(sharedStack().adminUrl).connect();
  let clean = false;
  try {
    const result = await body(client);
    // Whatever it has set is nobody else's; a transaction that it left open ends with the connection.
    clean = await client.query("discard all").then(
      () => true,
      () => false,
    );
    return result;
  } finally {
    client.release(!clean);
  }
}

/** Looks into the database, past row-level security: for what no API shows. */
export async function query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
  return (await poolOf(sharedStack().adminUrl).query<Row>(text, values)).rows;
}

/** Reasons of the security events of a kind, oldest first. */
export async function securityEvents(kind: string): Promise<Record<string, unknown>[]> {
  const rows = await query<{ detail: Record<string, unknown> }>(
    "select detail from security_events where kind = $1 order by at, id",
    [kind],
  );
  return rows.map((row) => row.detail);
}
