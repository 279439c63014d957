import type { z } from "zod";
import type { agentDetailView, agentStateView, agentView, credentialView } from "../../contracts/views.ts";
import type { Sql } from "../database.ts";
import { isUuid } from "./ous.ts";
import type { Listed } from "./sights.ts";

export interface AgentRow {
  id: string;
  name: string;
  display_name: string;
  description: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  owner_id: string;
  owner_email: string;
  kind: "user" | "service";
  model: string;
  system_prompt: string;
  generation: number;
  synced_generation: number;
  sync_state: "pending" | "synced" | "error";
  sync_error: unknown;
  sync_attempts: number;
  cma_agent_id: string | null;
  cma_agent_version: number | null;
  create_intended_at: Date | null;
  twins_until: Date | null;
  deleted_at: Date | null;
  archived_at: Date | null;
  created_at: Date;
  updated_at: Date;
  servers: {
    mcp_server_id: string;
    name: string;
    url: string;
    permission_policy: "always_allow" | "always_ask";
    deployment: "external" | "shared";
  }[];
  skills: {
    skill_id: string;
    name: string;
    version: number;
    cma_skill_id: string | null;
    cma_version: string | null;
  }[];
}

// Both are always there. Left joins, so that PostgreSQL leaves out the one that a statement asks nothing of.
const agentFrom = `from agents a
  left join ous o on o.organisation_id = a.organisation_id and o.id = a.ou_id
  left join users u on u.organisation_id = a.organisation_id and u.id = a.owner_id`;

export const agentSelect = `select a.id, a.name, a.display_name, a.description, a.ou_id, o.path as ou_path,
  o.ancestors as ou_ancestors, a.owner_id, u.email as owner_email, a.kind, a.model, a.system_prompt, a.generation,
  a.synced_generation, a.sync_state, a.sync_error, a.sync_attempts, a.cma_agent_id, a.cma_agent_version,
  a.create_intended_at, a.twins_until, a.deleted_at, a.archived_at, a.created_at, a.updated_at,
  coalesce((select json_agg(json_build_object('mcp_server_id', m.id, 'name', m.name, 'url', m.url,
              'permission_policy', x.permission_policy, 'deployment', m.deployment) order by m.name, m.id)
     from agent_mcp_servers x join mcp_servers m on m.organisation_id = x.organisation_id and m.id = x.mcp_server_id
    where x.organisation_id = a.organisation_id and x.agent_id = a.id and m.removed_at is null), '[]') as servers,
  coalesce((select json_agg(json_build_object('skill_id', s.id, 'name', s.name, 'version', x.version,
              'cma_skill_id', s.cma_skill_id, 'cma_version', v.cma_version) order by s.name, s.id)
     from agent_skills x join skills s on s.organisation_id = x.organisation_id and s.id = x.skill_id
     join skill_versions v on v.organisation_id = x.organisation_id and v.skill_id = x.skill_id and v.version = x.version
    where x.organisation_id = a.organisation_id and x.agent_id = a.id), '[]') as skills
  ${agentFrom}`;

export const agentList: Listed = { select: agentSelect, from: agentFrom, id: "a.id", ou: "a.ou_id" };

/** An agent that has not been deleted, by id. `lock` holds the row against other changes until the transaction ends. */
export async function findAgent(sql: Sql, id: string, lock?: "lock"): Promise<AgentRow | undefined> {
  if (!isUuid(id)) return undefined;
  // In a statement of its own: after waiting for a row lock only that row is read anew, and what is attached to the agent
  // decides which rights its change needs.
  const [, row] = await Promise.all([
    lock === undefined ? undefined : sql.run("select from agents where id = $1 for update", [id]),
    sql.maybe<AgentRow>(`${agentSelect} where a.id = $1 and a.deleted_at is null`, [id]),
  ]);
  return row;
}

/** Marks a change of the desired state: the reconciler has to push this agent again. */
export async function touchAgent(sql: Sql, id: string): Promise<void> {
  await sql.run(
    `update agents set generation = generation + 1, sync_state = 'pending', updated_at = clock_timestamp() where id = $1`,
    [id],
  );
}

export function agentToView(row: AgentRow): z.infer<typeof agentView> {
  return {
    id: row.id,
    name: row.name,
    display_name: row.display_name,
    description: row.description,
    ou_id: row.ou_id,
    ou_path: row.ou_path,
    owner_id: row.owner_id,
    owner_email: row.owner_email,
    kind: row.kind,
    model: row.model,
    generation: row.generation,
    synced_generation: row.synced_generation,
    sync_state: row.sync_state,
    sync_error: row.sync_error ?? null,
    cma_agent_id: row.cma_agent_id,
    cma_agent_version: row.cma_agent_version,
    mcp_servers: row.servers.map((server) => server.name),
    skills: row.skills.map((skill) => skill.name),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** An agent with its prompt, attachments and credentials (never their secrets), and how it stands with the provider. */
export async function agentToStateView(sql: Sql, row: AgentRow): Promise<z.infer<typeof agentStateView>> {
  const [credentials, state] = await Promise.all([
    credentialsOf(sql, row.id),
    // By itself: what was found in a foreign edit may be large, and no list needs it.
    sql.maybe<{ checked_at: Date | null; drift: z.infer<typeof agentStateView>["drift"] }>(
      "select checked_at, drift from agents where id = $1",
      [row.id],
    ),
  ]);
  return {
    ...detailView(row, credentials),
    sync_attempts: row.sync_attempts,
    checked_at: state?.checked_at?.toISOString() ?? null,
    drift: state?.drift ?? null,
  };
}

/** The agent as it is after a change in this transaction. */
export async function showAgent(sql: Sql, id: string): Promise<z.infer<typeof agentDetailView>> {
  const [row, credentials] = await Promise.all([findAgent(sql, id), credentialsOf(sql, id)]);
  if (row === undefined) throw new Error("the agent just changed cannot be read");
  return detailView(row, credentials);
}

/** Marks a change of an agent's desired state and shows the agent as it is now. */
export async function changedAgent(sql: Sql, id: string): Promise<z.infer<typeof agentDetailView>> {
  const [, shown] = await Promise.all([touchAgent(sql, id), showAgent(sql, id)]);
  return shown;
}

function credentialsOf(sql: Sql, agentId: string): Promise<CredentialRow[]> {
  return sql.rows<CredentialRow>(
    `${credentialSelect} where c.agent_id = $1 and c.revoked_at is null order by c.created_at`,
    [agentId],
  );
}

function detailView(row: AgentRow, credentials: CredentialRow[]): z.infer<typeof agentDetailView> {
  return {
    ...agentToView(row),
    system_prompt: row.system_prompt,
    attachments: {
      mcp_servers: row.servers.map(({ mcp_server_id, name, url, permission_policy }) => ({
        mcp_server_id,
        name,
        url,
        permission_policy,
      })),
      skills: row.skills.map(({ skill_id, name, version }) => ({ skill_id, name, version })),
    },
    credentials: credentials.map(credentialToView),
  };
}

export interface CredentialRow {
  id: string;
  agent_id: string;
  mcp_server_id: string;
  mcp_server_name: string;
  kind: "static" | "session_bound";
  expires_at: Date | null;
  revoked_at: Date | null;
  created_at: Date;
}

export const credentialSelect = `select c.id, c.agent_id, c.mcp_server_id, m.name as mcp_server_name, c.kind, c.expires_at,
  c.revoked_at, c.created_at
  from credentials c join mcp_servers m on m.organisation_id = c.organisation_id and m.id = c.mcp_server_id`;

export function credentialToView(row: CredentialRow): z.infer<typeof credentialView> {
  return {
    id: row.id,
    agent_id: row.agent_id,
    mcp_server_id: row.mcp_server_id,
    mcp_server_name: row.mcp_server_name,
    kind: row.kind,
    expires_at: row.expires_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}

/**
 * SQL: the agents of an organisation to be compared with the provider, at most 500 of a kind; `$1`: seconds since they were. One
 * compared in the future was so under a clock that was wrong: it comes before those that are only due, which may be more than are
 * looked at until its time has come.
 */
export const agentsToCompare = `
  select id from (
    (select id, checked_at > clock_timestamp() + interval '15 seconds' as ahead, checked_at from agents
      where archived_at is null and (sync_state <> 'synced' or checked_at < clock_timestamp() - make_interval(secs => $1)
        or checked_at > clock_timestamp() + interval '15 seconds')
      order by ahead desc nulls first, checked_at limit 500)
    union (select id, false, checked_at from agents
      where twins_until is not null and checked_at < clock_timestamp() - interval '1 minute' order by checked_at limit 500)
  ) as due order by ahead desc nulls first, checked_at`;
