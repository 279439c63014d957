import { type Client, DatabaseError } from "pg";

/** What the application's role might try on its own audit trail, each of them a way to write history. */
const statements = [
  `insert into control_plane_audit (organisation_id, position, at, at_text, body, previous, hash)
   values (current_organisation(), 999, now(), 'now', '{}', '', '')`,
  `insert into control_plane_audit (organisation_id, position, at, at_text, body, previous, hash)
   overriding system value values (current_organisation(), 999, now(), 'now', '{}', '', '')`,
  "copy control_plane_audit (organisation_id, position, at, at_text, body, previous, hash) from program 'true'",
  "update control_plane_audit set body = '{}'",
  "update control_plane_audit set position = position + 1",
  "delete from control_plane_audit",
  "truncate control_plane_audit",
  "truncate audit_heads cascade",
  "drop table control_plane_audit",
  "insert into audit_heads values (current_organisation(), 0, '', '0') on conflict (organisation_id) do update set position = 0",
  "update audit_heads set position = position - 1",
  "delete from audit_heads",
  "alter table control_plane_audit disable trigger all",
  "alter table control_plane_audit disable row level security",
  "alter table control_plane_audit alter column entry drop expression",
  "alter table control_plane_audit owner to powerloom_app",
  "drop trigger append_only on control_plane_audit",
  "create or replace function refuse_audit_change() returns trigger language plpgsql as 'begin return new; end'",
  "create or replace function audit_append(body text) returns bigint language sql as 'select 1::bigint'",
  "alter function audit_append(text) owner to powerloom_app",
  "create rule forget as on insert to control_plane_audit do instead nothing",
  "set session_replication_role = replica",
  "select set_config('session_replication_role', 'replica', true)",
  "set role powerloom_audit",
  "set role powerloom_owner",
  "set session authorization powerloom_audit",
  "grant powerloom_audit to powerloom_app",
  "alter role powerloom_app superuser",
] as const;

const insufficientPrivilege = "42501";

/**
 * Tries each as the application's role, inside an organisation, and undoes it.
 * @param sql connected as that role
 * @returns what was not refused for want of a right, in words
 */
export async function tryAsApplication(
  sql: Client,
  organisationId: string,
): Promise<{ tried: number; violations: string[] }> {
  const violations: string[] = [];
  for (const statement of statements) {
    await sql.query("begin");
    await sql.query("select set_config('powerloom.organisation', $1, true)", [organisationId]);
    const refusal = await sql.query(statement).then(
      () => "it was done",
      (error: unknown) => (error instanceof DatabaseError ? (error.code ?? "") : String(error)),
    );
    await sql.query("rollback");
    if (refusal !== insufficientPrivilege) violations.push(`as the application's role, ${refusal}: ${statement}`);
  }
  return { tried: statements.length, violations };
}
