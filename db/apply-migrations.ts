import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Kysely, PostgresDialect, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type { Pool, PoolClient } from "pg";
import { givingWay, mostWait, onlineStatements, runOnline } from "./online.ts";

/**
 * Applies what a database lacks of a folder's migrations, in order, each once, whoever else does so at this moment. Others
 * may write meanwhile: whatever needs a lock on a table gives way to those who have it and tries again.
 * @param pool of three connections at least
 * @returns names of the migrations applied now
 */
export async function applyMigrations(pool: Pool, directory: URL): Promise<string[]> {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  const migrator = new Migrator({ db, provider: { getMigrations: () => readMigrations(directory) } });
  const turn = await pool.connect();
  try {
    // One process at a time: what is next is decided before it is begun.
    await takeTurn(turn);
    const applied: string[] = [];
    for (const { name, executedAt } of await migrator.getMigrations()) {
      if (executedAt !== undefined) continue;
      const disableTransactions = name.endsWith(online);
      await givingWay(async () => {
        const { error } = await migrator.migrateUp({ disableTransactions });
        if (error !== undefined) throw error;
      });
      applied.push(name);
    }
    return applied;
  } finally {
    turn.release(true);
  }
}

/**
 * Waits by asking again: whoever waits inside a statement holds a snapshot, for whose end an index that is built concurrently
 * waits in its turn.
 */
async function takeTurn(client: PoolClient): Promise<void> {
  const lock = "select pg_try_advisory_lock(hashtextextended('powerloom.migrate', 0)) as ours";
  while ((await client.query<{ ours: boolean }>(lock)).rows[0]?.ours !== true) await sleep(100);
}

/** What the name of a migration ends with that runs outside of a transaction, while others write (db/migrations/README.md). */
const online = ".online";

async function readMigrations(from: URL): Promise<Record<string, Migration>> {
  const files = (await readdir(from)).filter((file) => file.endsWith(".sql")).sort();
  const migrations: Record<string, Migration> = {};
  for (const file of files) {
    const text = await readFile(new URL(file, from), "utf8");
    const name = file.replace(/\.sql$/, "");
    migrations[name] = {
      async up(db) {
        if (name.endsWith(online))
          await runOnline(onlineStatements(text), async (statement) => {
            const { rows, numAffectedRows } = await sql.raw<Record<string, unknown>>(statement).execute(db);
            return { rows, changed: Number(numAffectedRows ?? 0) };
          });
        else await sql.raw(`set local lock_timeout = ${mostWait}; ${text}`).execute(db);
      },
    };
  }
  return migrations;
}
