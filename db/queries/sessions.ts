import type { z } from "zod";
import type { sessionEventView, sessionView } from "../../contracts/views.ts";
import type { Sql, Tx } from "../database.ts";
import { storable } from "../storable.ts";
import { isUuid } from "./ous.ts";
import type { Listed } from "./sights.ts";

export interface SessionRow {
  id: string;
  agent_id: string;
  agent_name: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  invoker_id: string;
  invoker_email: string;
  prompt: string;
  status: "starting" | "running" | "idle" | "waiting" | "ended" | "failed";
  end_reason: string | null;
  error: unknown;
  agent_version: number | null;
  idle_timeout_seconds: number;
  cma_session_id: string | null;
  cma_vault_id: string | null;
  create_intended_at: Date;
  may_be_twice: boolean;
  final_message: string | null;
  next_position: number;
  body_digest: string;
  created_at: Date;
  ended_at: Date | null;
  cleaned_at: Date | null;
}

const sessionFrom = `from sessions s
  join agents a on a.organisation_id = s.organisation_id and a.id = s.agent_id
  join ous o on o.organisation_id = a.organisation_id and o.id = a.ou_id
  join users u on u.organisation_id = s.organisation_id and u.id = s.invoker_id`;

export const sessionSelect = `select s.id, s.agent_id, a.name as agent_name, a.ou_id, o.path as ou_path,
  o.ancestors as ou_ancestors, s.invoker_id, u.email as invoker_email, s.prompt, s.status, s.end_reason, s.error,
  s.agent_version, s.idle_timeout_seconds, s.cma_session_id, s.cma_vault_id, s.create_intended_at, s.may_be_twice, s.final_message,
  s.next_position, s.body_digest, s.created_at, s.ended_at, s.cleaned_at
  ${sessionFrom}`;

export const sessionList: Listed = { select: sessionSelect, from: sessionFrom, id: "s.id", ou: "s.ou_id" };

/** A session by our id; `lock` holds it until the transaction ends. */
export function findSession(sql: Sql, id: string, lock?: "lock"): Promise<SessionRow | undefined> {
  if (!isUuid(id)) return Promise.resolve(undefined);
  return sql.maybe<SessionRow>(`${sessionSelect} where s.id = $1${lock === undefined ? "" : " for update of s"}`, [id]);
}

export function sessionToView(row: SessionRow): z.infer<typeof sessionView> {
  return {
    id: row.id,
    agent_id: row.agent_id,
    agent_name: row.agent_name,
    agent_version: row.agent_version,
    invoker_id: row.invoker_id,
    invoker_email: row.invoker_email,
    status: row.status,
    end_reason: row.end_reason,
    error: row.error ?? null,
    cma_session_id: row.cma_session_id,
    final_message: row.final_message,
    created_at: row.created_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
  };
}

export interface CommandRow {
  id: string;
  kind: "message" | "interrupt" | "end" | "confirmation" | "notice";
  payload: Record<string, unknown>;
  sending_at: Date | null;
  /** Of the session's events those before this position were there before the command was. */
  after_position: number | null;
  created_at: Date;
}

export interface NewCommand {
  id: string;
  kind: CommandRow["kind"];
  payload: Record<string, unknown>;
  createdBy: string | null;
  idempotencyKey: string | null;
  bodyDigest: string | null;
}

/**
 * Queues what a session is to be told. With a key that was used before, nothing is queued again.
 * @returns the row that holds the key, and whether it is new
 */
export async function queueCommand(
  tx: Tx,
  sessionId: string,
  command: NewCommand,
): Promise<{ id: string; fresh: boolean; bodyDigest: string | null }> {
  const inserted = await tx.maybe<{ id: string }>(
    `insert into session_commands
       (id, organisation_id, session_id, kind, payload, created_by, idempotency_key, body_digest, after_position)
     values ($1, $2, $3, $4, $5, $6, $7, $8, (select next_position from sessions where id = $3))
     on conflict (organisation_id, session_id, created_by, idempotency_key) do nothing returning id`,
    [
      command.id,
      tx.organisationId,
      sessionId,
      command.kind,
      command.payload,
      command.createdBy,
      command.idempotencyKey,
      command.bodyDigest,
    ],
  );
  if (inserted !== undefined) return { id: inserted.id, fresh: true, bodyDigest: command.bodyDigest };
  const existing = await tx.maybe<{ id: string; body_digest: string | null }>(
    `select id, body_digest from session_commands where session_id = $1 and created_by is not distinct from $2 and idempotency_key = $3`,
    [sessionId, command.createdBy, command.idempotencyKey],
  );
  if (existing === undefined) throw new Error("a command's key was taken and is gone");
  return { id: existing.id, fresh: false, bodyDigest: existing.body_digest };
}

/** Queues words of our own for an open session. False when it has ended, or was told before. */
export async function queueNotice(
  tx: Tx,
  sessionId: string,
  notice: { id: string; text: string; key: string },
): Promise<boolean> {
  const session = await findSession(tx, sessionId, "lock");
  if (session === undefined || session.ended_at !== null) return false;
  const told = await tx.maybe("select from session_commands where session_id = $1 and idempotency_key = $2", [
    sessionId,
    notice.key,
  ]);
  if (told !== undefined) return false;
  await queueCommand(tx, sessionId, {
    id: notice.id,
    kind: "notice",
    payload: { text: notice.text },
    createdBy: null,
    idempotencyKey: notice.key,
    bodyDigest: null,
  });
  return true;
}

/** What waits to be told to a session, oldest first. */
export function queuedCommands(sql: Sql, sessionId: string): Promise<CommandRow[]> {
  return sql.rows<CommandRow>(
    `select id, kind, payload, sending_at, after_position, created_at from session_commands
      where session_id = $1 and sent_at is null order by sequence`,
    [sessionId],
  );
}

export interface NewSessionEvent {
  providerEventId: string | null;
  type: string;
  payload: unknown;
}

/** Appends events the session does not have yet (by provider id), in order. Returns how many were new. */
export async function appendSessionEvents(tx: Tx, sessionId: string, events: NewSessionEvent[]): Promise<number> {
  if (events.length === 0) return 0;
  const session = await tx.maybe<{ next_position: number }>(
    "select next_position from sessions where id = $1 for update",
    [sessionId],
  );
  if (session === undefined) return 0;
  let position = session.next_position;
  for (const event of events) {
    const stored = await tx.run(
      `insert into session_events (organisation_id, session_id, position, provider_event_id, type, payload)
       values ($1, $2, $3, $4, $5, $6) on conflict (organisation_id, session_id, provider_event_id) do nothing`,
      [
        tx.organisationId,
        sessionId,
        position,
        event.providerEventId,
        event.type,
        JSON.stringify(storable(event.payload)),
      ],
    );
    position += stored;
  }
  await tx.run("update sessions set next_position = $2 where id = $1", [sessionId, position]);
  return position - session.next_position;
}

export interface SessionEventRow {
  position: number;
  type: string;
  payload: unknown;
  at: Date;
}

/** Events after a position, in order. */
export function readSessionEvents(
  sql: Sql,
  sessionId: string,
  after: number,
  limit: number,
): Promise<SessionEventRow[]> {
  return sql.rows<SessionEventRow>(`${eventsAfter} limit $3`, [sessionId, after, limit]);
}

/** The same up to so many bytes of payloads, and the one with which they are more: tools have large results. */
export function readSomeSessionEvents(
  sql: Sql,
  sessionId: string,
  after: number,
  most: { rows: number; bytes: number },
): Promise<SessionEventRow[]> {
  return sql.rows<SessionEventRow>(
    `select position, type, payload, at
       from (select *, sum(bytes) over (order by position) - bytes as before
               from (select *, octet_length(payload::text) as bytes from (${eventsAfter} limit $3) page) measured) summed
      where before < $4 order by position`,
    [sessionId, after, most.rows, most.bytes],
  );
}

const eventsAfter =
  "select position, type, payload, at from session_events where session_id = $1 and position > $2 order by position";

export function sessionEventToView(row: SessionEventRow): z.infer<typeof sessionEventView> {
  return { position: row.position, type: row.type, payload: row.payload, at: row.at.toISOString() };
}
