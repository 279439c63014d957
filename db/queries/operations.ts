import type { Problem } from "../../core/errors.ts";
import type { Sql, Tx } from "../database.ts";

export type OperationStatus =
  | "received"
  | "applied"
  | "pending_approval"
  | "refused"
  | "denied"
  | "expired"
  | "cancelled";

export interface OperationRow {
  id: string;
  name: string;
  sub: string;
  act: string;
  sid: string;
  idempotency_key: string | null;
  key_expires_at: Date;
  body_digest: string;
  input: Record<string, unknown>;
  if_match: number | null;
  status: OperationStatus;
  ou_id: string | null;
  target_type: string | null;
  target_id: string | null;
  diff: { before: Record<string, unknown> | null; after: Record<string, unknown> | null; summary: string } | null;
  result: Record<string, unknown> | null;
  problem: Problem | null;
  reason: string | null;
  sealed_secret: string | null;
  created_at: Date;
  expires_at: Date;
  finished_at: Date | null;
  /** The run that asked for it, when one did. */
  run?: { id: string; trace_id: string } | null;
}

const columns = `id, name, sub, act, sid, idempotency_key, key_expires_at, body_digest, input, if_match, status, ou_id,
  target_type, target_id, diff, result, problem, reason, sealed_secret, created_at, expires_at, finished_at,
  case when act like 'run:%' then (select json_build_object('id', r.id, 'trace_id', r.trace_id) from agent_runs r
    where r.id = substr(operations.act, 5)::uuid) end as run`;

/** The intent, locked against everybody else who might act on it when `lock` is given. */
export function findOperationRow(sql: Sql, id: string, lock?: "lock"): Promise<OperationRow | undefined> {
  return sql.maybe<OperationRow>(
    `select ${columns} from operations where id = $1${lock === undefined ? "" : " for update"}`,
    [id],
  );
}

export interface NewIntent {
  id: string;
  name: string;
  sub: string;
  act: string;
  sid: string;
  idempotencyKey: string | null;
  keyExpiresAt: Date;
  bodyDigest: string;
  input: Record<string, unknown>;
  ifMatch: number | null;
  expiresAt: Date;
}

/**
 * Stores an intent, or finds the one that already has its key. A key that has run out is taken over; a refusal, an
 * expiry or a withdrawal has freed its key before.
 */
export async function recordIntent(
  tx: Tx,
  intent: NewIntent,
  now: Date,
): Promise<{ row: OperationRow; fresh: boolean }> {
  const inserted = await tx.maybe<OperationRow>(
    `insert into operations (id, organisation_id, name, sub, act, sid, idempotency_key, key_expires_at, body_digest, input,
       if_match, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict (organisation_id, sub, act, sid, idempotency_key) do nothing returning ${columns}`,
    [
      intent.id,
      tx.organisationId,
      intent.name,
      intent.sub,
      intent.act,
      intent.sid,
      intent.idempotencyKey,
      intent.keyExpiresAt,
      intent.bodyDigest,
      intent.input,
      intent.ifMatch,
      intent.expiresAt,
    ],
  );
  if (inserted !== undefined) return { row: inserted, fresh: true };
  const existing = await tx.maybe<OperationRow>(
    `select ${columns} from operations where sub = $1 and act = $2 and sid = $3 and idempotency_key = $4`,
    [intent.sub, intent.act, intent.sid, intent.idempotencyKey],
  );
  // Freed between the two statements: it is ours to take.
  if (existing === undefined) return recordIntent(tx, intent, now);
  if (existing.key_expires_at > now) return { row: existing, fresh: false };
  await tx.run("update operations set idempotency_key = null where id = $1", [existing.id]);
  return recordIntent(tx, intent, now);
}

export interface Outcome {
  status: Exclude<OperationStatus, "received">;
  ouId?: string | null;
  target?: { type: string; id: string } | null;
  diff?: OperationRow["diff"];
  result?: Record<string, unknown> | null;
  problem?: Problem | null;
  reason?: string | null;
  sealedSecret?: string | null;
  /** When the approval it waits for runs out. */
  expiresAt?: Date;
}

/** Writes what became of an intent. A refused, expired or cancelled one gives its key back: it may be asked again. */
export async function recordOutcome(tx: Tx, id: string, outcome: Outcome, now: Date): Promise<void> {
  await tx.run(
    `update operations set status = $2::text, ou_id = coalesce($3, ou_id), target_type = coalesce($4, target_type),
       target_id = coalesce($5, target_id), diff = coalesce($6, diff), result = $7, problem = $8, reason = $9,
       sealed_secret = $10, finished_at = case when $2 = 'pending_approval' then null else $11::timestamptz end,
       expires_at = coalesce($12::timestamptz, expires_at),
       idempotency_key = case when $2 in ('refused', 'expired', 'cancelled') then null else idempotency_key end
      where id = $1`,
    [
      id,
      outcome.status,
      outcome.ouId ?? null,
      outcome.target?.type ?? null,
      outcome.target?.id ?? null,
      outcome.diff ?? null,
      outcome.result ?? null,
      outcome.problem ?? null,
      outcome.reason ?? null,
      outcome.sealedSecret ?? null,
      now,
      outcome.expiresAt ?? null,
    ],
  );
}

/**
 * Frees the keys of the operations on things that are gone now: asking for them again is a new request. Not that of the
 * deletion, which has its target from when it waited for approval on: whoever repeats it is told what became of it.
 */
export async function freeKeysOf(tx: Tx, targetIds: readonly string[], deletion: string): Promise<void> {
  if (targetIds.length > 0)
    await tx.run(
      "update operations set idempotency_key = null where target_id = any ($1) and id <> $2 and idempotency_key is not null",
      [targetIds, deletion],
    );
}

/** Takes the sealed secret of an applied operation, once. */
export async function takeSealedSecret(tx: Tx, id: string): Promise<string | null> {
  const row = await tx.maybe<{ taken: string | null }>(
    `update operations o set sealed_secret = null from (select id, sealed_secret as taken from operations where id = $1 for update) old
      where o.id = old.id returning old.taken`,
    [id],
  );
  return row?.taken ?? null;
}
