import { Client, type QueryResultRow } from "pg";
import { sharedStack } from "./organisation.ts";

/** Looks into the database, past row-level security: for what no API shows. */
export async function query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: sharedStack().adminUrl });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Reasons of the security events of a kind, oldest first. */
export async function securityEvents(kind: string): Promise<Record<string, unknown>[]> {
  const rows = await query<{ detail: Record<string, unknown> }>(
    "select detail from security_events where kind = $1 order by at, id",
    [kind],
  );
  return rows.map((row) => row.detail);
}
