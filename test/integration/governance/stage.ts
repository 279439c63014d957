import type { ClientBase } from "pg";
import { type Database, openDatabase, type Tx } from "../../../db/database.ts";
import type { Person } from "../../../demo/api.ts";
import { asSuperuser } from "../../support/database.ts";
import { sharedStack, type TestOrganisation } from "../../support/organisation.ts";

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
  /** Of what the body shows, where it has one. */
  id: string;
}

/** One request as a person, with everything the answer says. */
export async function call(
  person: Pick<Person, "token">,
  method: string,
  path: string,
  body?: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(`${sharedStack().apiUrl}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${person.token}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const shown = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
  return { status: answer.status, headers: answer.headers, body: shown, id: String(shown["id"]) };
}

let application: Database | undefined;

/** Runs `body` with the application's own role. */
export function asApplication<Result>(body: (db: Database) => Promise<Result>): Promise<Result> {
  // Kept for all files of the process, as its connections are.
  application ??= openDatabase(sharedStack().databaseUrl, { name: "powerloom-test", max: 20 });
  return body(application);
}

/** One transaction of the application inside an organisation. */
export function inOrganisation<Result>(
  organisationId: string,
  body: (tx: Tx) => Result | Promise<Result>,
): Promise<Result> {
  return asApplication((db) => db.inOrganisation(organisationId, body));
}

export interface AuditRow {
  position: number;
  operation: string;
  outcome: string;
  sub: string | null;
  target: string | null;
  body: { id: string; detail: Record<string, unknown>; approval_id: string | null; rule: string | null };
}

/** The whole chain of an organisation, oldest first, read behind the API. */
export function auditOf(organisationId: string): Promise<AuditRow[]> {
  return asSuperuser(async (sql) => {
    const { rows } = await sql.query<AuditRow>(
      `select position::int, b ->> 'operation' as operation, b ->> 'outcome' as outcome, b ->> 'sub' as sub,
              b ->> 'target' as target, b as body
         from control_plane_audit, lateral (select body::jsonb as b) as parsed
        where organisation_id = $1 order by position`,
      [organisationId],
    );
    return rows;
  });
}

/** Audit entries about one request. */
export async function auditAbout(organisationId: string, requestId: string): Promise<AuditRow[]> {
  return (await auditOf(organisationId)).filter((entry) => entry.body.id === requestId);
}

// What the reconciler writes by itself, whatever people do.
const itsOwn = [
  "synced_generation",
  "sync_state",
  "sync_error",
  "sync_attempts",
  "cma_agent_id",
  "cma_agent_version",
  "cma_skill_id",
  "cma_version",
  "uploading_until",
  "create_intended_at",
  "checked_at",
  "archived_at",
  "drift",
  "updated_at",
  "health",
];
const bookkeeping = [
  "authority_versions",
  "operations",
  "control_plane_audit",
  "audit_heads",
  "change_events",
  "audit_verdicts",
  "provider_environments",
];

/** Everything an organisation has that people can change, as one text: equal when nothing was changed. */
export function stateOf(organisationId: string): Promise<string> {
  return asSuperuser(async (sql) => {
    const tables = (await tenantTables(sql)).filter((table) => !bookkeeping.includes(table));
    const { rows } = await sql.query<{ row: string }>(
      tables
        .map(
          (table) =>
            `select '${table} ' || (to_jsonb(t) - $2::text[])::text as row from ${table} t where organisation_id = $1`,
        )
        .join(" union all ")
        .concat(" order by 1"),
      [organisationId, itsOwn],
    );
    return rows.map(({ row }) => row).join("\n");
  });
}

/** Every table that carries organisation_id. */
export async function tenantTables(sql: ClientBase): Promise<string[]> {
  const { rows } = await sql.query<{ table_name: string }>(
    `select table_name from information_schema.columns
      where table_schema = 'public' and column_name = 'organisation_id' order by table_name`,
  );
  return rows.map((row) => row.table_name);
}

/** Asks for something a policy stops, and gives the request's id and digest. */
export async function askForApproval(
  person: Pick<Person, "token">,
  path: string,
  body: Record<string, unknown>,
  method = "POST",
): Promise<{ id: string; digest: string }> {
  const answer = await call(person, method, path, body);
  if (answer.status !== 202)
    throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  const id = String(answer.body["id"]);
  const row = await asSuperuser((sql) =>
    sql.query<{ digest: string }>("select digest from approval_requests where id = $1", [id]),
  );
  return { id, digest: row.rows[0]?.digest ?? "" };
}

/** A person with one role at the root. */
export function withRole(
  organisation: TestOrganisation,
  role: string,
  local = role.toLowerCase(),
  ou = organisation.root,
) {
  return organisation.person(local, { roles: [{ role, ou }] });
}

/** Lets a binding of a person run out at this moment. */
export async function expireBindingsOf(person: { email: string }): Promise<void> {
  await asSuperuser((sql) =>
    sql.query(
      "update bindings set expires_at = clock_timestamp() where user_id = (select id from users where email = $1)",
      [person.email],
    ),
  );
}
