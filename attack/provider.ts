import { NotFoundError } from "@anthropic-ai/sdk";
import type { Client } from "pg";
import { createClaude } from "../claude/client.ts";
import { eventually } from "../test/support/new-organisation.ts";
import type { Arena } from "./arena.ts";

/** Something at the provider that carries an id of ours, without what changes by itself. */
interface Held {
  kind: "agent" | "skill" | "session" | "vault";
  /** Our id. */
  ours: string;
  organisationId: string;
  /** What it is, as text that can be compared. */
  text: string;
}
/** What the provider holds for some organisations, by its own ids; archived things too. */
export type ProviderState = ReadonlyMap<string, Held>;

/** Reads what the provider holds for some organisations, once the reconciler has nothing left to do for them. */
export async function readProvider(
  arena: Arena,
  sql: Client,
  organisationIds: readonly string[],
): Promise<ProviderState> {
  await eventually(
    async () => {
      const { rows } = await sql.query(
        `select from agents where organisation_id = any ($1) and deleted_at is null
            and (sync_state <> 'synced' or synced_generation <> generation)`,
        [organisationIds],
      );
      return rows.length === 0 ? true : undefined;
    },
    "the provider holds what the database says",
    120_000,
  );
  const owners = await ownersOf(sql, organisationIds);
  const { agents, skills, sessions, vaults } = createClaude({ baseUrl: arena.simulatorUrl, apiKey: "test" }).beta;
  const state = new Map<string, Held>();
  const keep = (kind: Held["kind"], id: string, ours: string | undefined, what: unknown, tagged?: string) => {
    // What claims to be an organisation's is held against its rows, whether or not there is one.
    const organisationId = owners.get(ours ?? "") ?? organisationIds.find((one) => one === tagged);
    if (ours !== undefined && organisationId !== undefined)
      state.set(id, { kind, ours, organisationId, text: JSON.stringify(what) });
  };
  const all = { limit: 1000, include_archived: true };
  for await (const agent of agents.list(all)) {
    const { version: _, updated_at: __, metadata, ...what } = agent;
    keep("agent", agent.id, metadata["powerloom_agent"], what, metadata["powerloom_organisation"]);
  }
  for await (const { id, display_name, latest_version_id } of skills.list({ source: "custom", limit: 1000 }))
    keep("skill", id, /\[([0-9a-f-]{36})\]$/.exec(display_name ?? "")?.[1], { display_name, latest_version_id });
  for await (const { id, metadata, agent, vault_ids } of sessions.list(all))
    keep("session", id, metadata["powerloom_session"], { agent: agent.id, vault_ids });
  for await (const { id, metadata } of vaults.list(all)) {
    const ours = metadata["powerloom_session"];
    if (!owners.has(ours ?? "")) continue;
    const urls = await urlsIn(vaults.credentials.list(id, all));
    if (urls !== undefined) keep("vault", id, ours, urls);
  }
  return state;
}

/** What a vault's credentials are for; undefined when it has been destroyed since it was listed, as an ended session's is. */
async function urlsIn(
  credentials: AsyncIterable<{ auth: { type: string; mcp_server_url?: unknown } | { type: string } }>,
): Promise<string[] | undefined> {
  const urls: string[] = [];
  try {
    for await (const { auth } of credentials)
      urls.push("mcp_server_url" in auth ? String(auth.mcp_server_url) : auth.type);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
  return urls.toSorted((a, b) => a.localeCompare(b));
}

/** Everything of ours that the provider may hold something for. */
async function ownersOf(sql: Client, organisationIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql.query<{ id: string; organisation_id: string }>(
    `select id, organisation_id from agents where organisation_id = any ($1)
      union all select id, organisation_id from skills where organisation_id = any ($1)
      union all select id, organisation_id from sessions where organisation_id = any ($1)`,
    [organisationIds],
  );
  return new Map(rows.map(({ id, organisation_id }) => [id, organisation_id]));
}

/**
 * What has become of the provider beside what the database says: whose rows are judged elsewhere.
 * @param home where something may change at all
 */
export async function faultsAtProvider(
  sql: Client,
  { before, after, home }: { before: ProviderState; after: ProviderState; home: string },
): Promise<{ changed: number; faults: string[] }> {
  const faults: string[] = [];
  const different = [...new Set([...before.keys(), ...after.keys()])].filter(
    (id) => before.get(id)?.text !== after.get(id)?.text,
  );
  for (const id of different) {
    const [old, now] = [before.get(id), after.get(id)];
    const { kind, ours, organisationId } = (now ?? old) as Held;
    const what = `${kind} ${id} (${ours}) at the provider`;
    if (organisationId !== home) faults.push(`${what} is another organisation's, and is changed: ${now?.text}`);
    else if (now === undefined) faults.push(`${what} is gone`);
    else if (kind === "agent" && !(await agentAgrees(sql, ours, now.text)))
      faults.push(`${what} is not as the database says: ${now.text.slice(0, 500)}`);
    else if (kind === "skill" && !(await there(sql, "select from agent_skills where skill_id = $1", ours)))
      faults.push(`${what} belongs to no agent`);
    else if (kind === "session" && old !== undefined) faults.push(`${what} is changed: ${now.text}`);
    else if (kind === "vault" && !(await vaultAgrees(sql, ours, now.text)))
      faults.push(`${what} holds credentials for more than its agent's servers: ${now.text}`);
  }
  return { changed: different.length, faults };
}

async function there(sql: Client, text: string, id: string): Promise<boolean> {
  return (await sql.query(text, [id])).rows.length > 0;
}

async function agentAgrees(sql: Client, id: string, text: string): Promise<boolean> {
  const { rows } = await sql.query<{
    name: string;
    system: string;
    model: string;
    servers: string[];
    skills: string[];
  }>(
    `select a.name, a.system_prompt as system, a.model,
            array(select s.url from agent_mcp_servers m join mcp_servers s on s.id = m.mcp_server_id where m.agent_id = a.id) as servers,
            array(select s.cma_skill_id from agent_skills m join skills s on s.id = m.skill_id where m.agent_id = a.id) as skills
       from agents a where a.id = $1 and a.deleted_at is null`,
    [id],
  );
  const [row] = rows;
  const held = JSON.parse(text) as {
    name: string;
    system: string | null;
    model: { id: string };
    archived_at: string | null;
    mcp_servers: { url: string }[];
    skills: { skill_id: string }[];
  };
  const same = (a: readonly string[], b: readonly string[]) => a.toSorted().join("\n") === b.toSorted().join("\n");
  return (
    row !== undefined &&
    held.archived_at === null &&
    held.name === row.name &&
    (held.system ?? "") === row.system &&
    held.model.id === row.model &&
    same(
      held.mcp_servers.map(({ url }) => url),
      row.servers,
    ) &&
    same(
      held.skills.map(({ skill_id }) => skill_id),
      row.skills,
    )
  );
}

async function vaultAgrees(sql: Client, sessionId: string, text: string): Promise<boolean> {
  const { rows } = await sql.query<{ url: string }>(
    `select s.url from sessions x join agent_mcp_servers m on m.agent_id = x.agent_id
       join mcp_servers s on s.id = m.mcp_server_id where x.id = $1`,
    [sessionId],
  );
  const servers = rows.map(({ url }) => url);
  return (JSON.parse(text) as string[]).every((url) => servers.includes(url));
}
