import type { ConsoleSession } from "../../core/console-session.ts";
import type { Sql, Tx } from "../database.ts";

export interface ConsoleSessionRow extends ConsoleSession {
  user_id: string;
  email: string;
  user_status: "active" | "suspended";
}

/** The sign-in with this hash, and whose it is. */
export function findConsoleSession(sql: Sql, tokenHash: string): Promise<ConsoleSessionRow | undefined> {
  return sql.maybe<ConsoleSessionRow>(
    `select s.user_id, s.method, s.last_seen_at, s.expires_at, s.ended_at, u.email, u.status as user_status
       from console_sessions s join users u on u.id = s.user_id where s.token_hash = $1`,
    [tokenHash],
  );
}

export async function insertConsoleSession(
  tx: Tx,
  session: { tokenHash: string; userId: string; method: "dev" | "oidc"; now: Date; expiresAt: Date },
): Promise<void> {
  await tx.run(
    `insert into console_sessions (organisation_id, token_hash, user_id, method, created_at, last_seen_at, expires_at)
     values ($1, $2, $3, $4, $5, $5, $6)`,
    [tx.organisationId, session.tokenHash, session.userId, session.method, session.now, session.expiresAt],
  );
}

export async function touchConsoleSession(tx: Tx, tokenHash: string, now: Date): Promise<void> {
  await tx.run("update console_sessions set last_seen_at = greatest(last_seen_at, $2) where token_hash = $1", [
    tokenHash,
    now,
  ]);
}

/**
 * Deletes sign-ins that have run out before a time, ended early or not, at most `atMost` of them. Those that somebody else is
 * deleting are left to them.
 */
export async function deleteConsoleSessions(tx: Tx, expiredBefore: Date, atMost: number): Promise<void> {
  await tx.run(
    `delete from console_sessions where token_hash = any (array(
       select token_hash from console_sessions where expires_at < $1 order by expires_at limit $2 for update skip locked))`,
    [expiredBefore, atMost],
  );
}

/** @returns false when it had ended before */
export async function endConsoleSession(tx: Tx, tokenHash: string, reason: string, now: Date): Promise<boolean> {
  const ended = await tx.run(
    "update console_sessions set ended_at = $3, end_reason = $2 where token_hash = $1 and ended_at is null",
    [tokenHash, reason, now],
  );
  return ended > 0;
}
