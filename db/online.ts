import { setTimeout as sleep } from "node:timers/promises";
import { sqlState } from "./database.ts";

/** One statement of a migration that runs while others write. */
export interface OnlineStatement {
  text: string;
  /** It changes some rows at a time, and is run until it changes none. */
  repeat: boolean;
}

/**
 * The statements of an online migration: parted by lines `--> statement-breakpoint`; one that begins with a line `--> repeat`
 * is run until it changes no row any more.
 */
export function onlineStatements(file: string): OnlineStatement[] {
  return file
    .split(/^--> statement-breakpoint$/m)
    .map((part) => {
      const repeat = /^--> repeat$/m.test(part);
      return { text: part.replaceAll(/^--> repeat$/gm, "").trim(), repeat };
    })
    .filter(({ text }) => text !== "");
}

/** Runs SQL on one connection, outside of any transaction. */
export type Run = (text: string) => Promise<{ changed: number; rows: readonly Record<string, unknown>[] }>;

/** How long a statement may wait for a lock: whoever comes after it waits behind it. Milliseconds. */
export const mostWait = 500;
const pauseMs = 1_000;
const mostTries = 120;

/**
 * Runs a statement that needs a lock on a table for a moment: it waits for it a little only, because every writer that comes
 * later stands behind it, gives way, and tries again.
 * @throws the last refusal, after two minutes of them
 */
export async function givingWay<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await work();
    } catch (error) {
      // lock_not_available
      if (sqlState(error) !== "55P03" || attempt === mostTries) throw error;
      await sleep(pauseMs);
    }
}

/**
 * Runs an online migration. Cut off, it is run again from its beginning, so each of its statements must do nothing the second
 * time. An index whose building was cut off is there and of no use: it goes first.
 */
export async function runOnline(statements: readonly OnlineStatement[], run: Run): Promise<void> {
  for (const { text, repeat } of statements) {
    const index = /create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+(\w+)/i.exec(text)?.[1];
    // Building an index waits for transactions, and nobody waits for it.
    await run(`set lock_timeout = ${index === undefined ? mostWait : 0}`);
    if (index !== undefined) {
      const { rows } = await run(`select from pg_index where indexrelid = to_regclass('${index}') and not indisvalid`);
      if (rows.length > 0) await run(`drop index concurrently ${index}`);
    }
    for (;;) {
      const { changed } = await givingWay(() => run(text));
      if (!repeat || changed === 0) break;
    }
  }
  await run("reset lock_timeout");
}
