import type { Client } from "pg";

/** What the reconciler and the clock write by themselves. */
const passing: Readonly<Record<string, readonly string[]>> = {
  agents: [
    "synced_generation",
    "sync_state",
    "sync_error",
    "sync_attempts",
    "cma_agent_id",
    "cma_agent_version",
    "create_intended_at",
    "checked_at",
    "archived_at",
    "updated_at",
  ],
  // Sessions that were stored as rows are started sooner or later.
  sessions: ["cma_session_id", "cma_vault_id", "agent_version", "create_intended_at"],
  skills: ["cma_skill_id", "uploading_until"],
  skill_versions: ["cma_version"],
  mcp_servers: ["health"],
};
/** What only says that something was asked for, and what becomes of it. */
const journals = [
  "operations",
  "change_events",
  "audit_heads",
  "control_plane_audit",
  "provider_environments",
  "approval_tallies",
  "approval_ou_tallies",
];

export interface Row {
  table: string;
  row: Record<string, unknown>;
}
/** Every row of some organisations, as text. */
export type World = ReadonlyMap<string, Row>;

/** Reads everything of some organisations that a call could have changed, whatever table it stands in. */
export async function readWorld(sql: Client, organisationIds: readonly string[]): Promise<World> {
  const { rows: tables } = await sql.query<{ name: string }>(
    `select c.table_name as name from information_schema.columns c
       join information_schema.tables t on t.table_name = c.table_name and t.table_schema = c.table_schema
      where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.column_name = 'organisation_id'
        and not c.table_name = any ($1)`,
    [journals],
  );
  const parts = tables.map(({ name }) => {
    const without = (passing[name] ?? []).map((column) => ` - '${column}'`).join("");
    return `select '${name}' as "table", to_jsonb(t)${without} as row from ${name} t where organisation_id = any ($1)`;
  });
  const { rows } = await sql.query<Row>(parts.join(" union all "), [organisationIds]);
  return new Map(rows.map((row) => [JSON.stringify(row), row]));
}

/** What is there now and was not, and what was there and is not. */
export function changesBetween(before: World, after: World): { made: Row[]; gone: Row[] } {
  const missing = (from: World, to: World) => [...from].filter(([text]) => !to.has(text)).map(([, row]) => row);
  return { made: missing(after, before), gone: missing(before, after) };
}

/** What each tool may make, and the permission that it takes where the agent lives. */
const makes: Readonly<Record<string, { table: string; permission: string }>> = {
  create_agent: { table: "agents", permission: "agent:create" },
  attach_skill_to_agent: { table: "agent_skills", permission: "agent:attach_skill" },
  attach_mcp_server_to_agent: { table: "agent_mcp_servers", permission: "agent:attach_mcp_server" },
  create_credential: { table: "credentials", permission: "credential:create" },
};

/** Whether a tool can change anything at all. */
export const changes = (tool: string): boolean => tool in makes;

/**
 * What is wrong with the effects of one call, by the bindings as they stand in the database now; undefined when they are what
 * this tool makes, once, and within the person's rights.
 */
export async function faultOfEffects(
  sql: Client,
  { tool, principalId, organisationId }: { tool: string; principalId: string; organisationId: string },
  { made, gone }: { made: Row[]; gone: Row[] },
): Promise<string | undefined> {
  if (made.length === 0 && gone.length === 0) return undefined;
  const allowed = makes[tool];
  const shown = JSON.stringify({ made, gone }).slice(0, 600);
  if (allowed === undefined) return `a tool that reads changed something: ${shown}`;
  // The agent whose generation counts up, and the older version of a skill.
  const replaced = (table: string, key: string) =>
    gone.some((old) => old.table === table && made.some((one) => one.table === table && one.row[key] === old.row[key]));
  const expected = made.filter(({ table }) => table === allowed.table || table === "approval_requests");
  const beside = made.filter((one) => !expected.includes(one));
  const lost = gone.filter(
    ({ table }) =>
      !(table === "agents" && replaced("agents", "id")) &&
      !(table === "agent_skills" && tool === "attach_skill_to_agent" && replaced("agent_skills", "skill_id")),
  );
  if (
    expected.length !== 1 ||
    lost.length > 0 ||
    beside.some(({ table }) => table !== "agents" || tool === "create_agent")
  )
    return `more than one thing was changed: ${shown}`;
  const row = expected[0]?.row ?? {};
  if (row["organisation_id"] !== organisationId) return `something of another organisation was changed: ${shown}`;
  const { rows } = await sql.query(
    `select from ous o
       join bindings b on b.organisation_id = o.organisation_id and b.ou_id = any (o.ancestors)
        and (b.expires_at is null or b.expires_at > now())
        and (b.user_id = $3 or b.group_id in (select group_id from user_groups where user_id = $3))
       join roles r on r.name = b.role and $4 = any (r.permissions)
      where o.organisation_id = $1 and o.id = coalesce($2::uuid, (select ou_id from agents where id = $5::uuid))`,
    [organisationId, row["ou_id"] ?? null, principalId, allowed.permission, row["agent_id"] ?? null],
  );
  return rows.length === 0 ? `no binding gives ${allowed.permission} there: ${shown}` : undefined;
}
