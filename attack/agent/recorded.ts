import type { AgentScene } from "./scene.ts";

/** Where the audit trail of an organisation ends. */
export async function auditPosition({ sql }: AgentScene, organisationId: string): Promise<number> {
  const { rows } = await sql.query<{ position: string }>(
    "select coalesce(max(position), 0) as position from control_plane_audit where organisation_id = $1",
    [organisationId],
  );
  return Number(rows[0]?.position ?? 0);
}

/** The requests that a session has made: it may be told of each of them again. */
export async function requestsOf({ sql }: AgentScene, sessionId: string): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>("select id from operations where sid = $1", [sessionId]);
  return rows.map(({ id }) => id);
}

/** What was recorded since then of what was asked for through a session, in the order in which it was. */
export async function auditSince({ sql }: AgentScene, organisationId: string, position: number, sessionId: string) {
  const { rows } = await sql.query<{ outcome: string; sub: string; operation: string }>(
    `select entry ->> 'outcome' as outcome, entry ->> 'sub' as sub, entry ->> 'operation' as operation
       from control_plane_audit where organisation_id = $1 and position > $2 and entry ->> 'delegated_from_session' = $3
      order by position`,
    [organisationId, position, sessionId],
  );
  return rows;
}
