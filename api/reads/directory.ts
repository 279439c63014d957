import { builtInRoles, type Permission } from "../../core/authority/roles.ts";
import {
  type AgentRow,
  agentList,
  agentSelect,
  agentToStateView,
  agentToView,
  type CredentialRow,
  credentialSelect,
  credentialToView,
} from "../../db/queries/agents.ts";
import { type McpServerRow, mcpServerSelect, mcpServerToView } from "../../db/queries/mcp-servers.ts";
import { isUuid, type OuRow, ouToView } from "../../db/queries/ous.ts";
import {
  type BindingRow,
  bindingList,
  bindingSelect,
  bindingToView,
  type GroupRow,
  groupSelect,
  groupToView,
  type UserRow,
  userList,
  userSelect,
  userToView,
} from "../../db/queries/people.ts";
import { type PolicyRow, policySelect, policyToView } from "../../db/queries/policies.ts";
import { type SkillRow, skillSelect, skillToView } from "../../db/queries/skills.ts";
import { missingUser } from "../../operations/lookups.ts";
import {
  Conditions,
  foreignCursor,
  found,
  narrowToOu,
  narrowToPerson,
  narrowToSame,
  narrowToText,
  nobody,
  type ReadContext,
  readPage,
  readSeen,
  rootsOf,
  seen,
  seenWithin,
} from "./scope.ts";

type Read = (context: ReadContext) => Promise<unknown>;

const ouSelect = "select o.id, o.parent_id, o.name, o.display_name, o.path, o.ancestors, o.created_at from ous o";

/** Conditions for one row, or for those of a list that is never long: in the OUs the caller may read. */
async function within(context: ReadContext, permission: Permission) {
  const conditions = seen(await seenWithin(context, permission));
  await narrowToOu(context, conditions);
  return conditions;
}

/** Rows in the OUs the caller may read, and those above: what an OU offers, the ones below it may use. */
async function offeredWithin(context: ReadContext, permission: Permission) {
  const conditions = new Conditions().add(
    "o.ancestors && ?::uuid[] or o.id in (select unnest(r.ancestors) from ous r where r.id = any (?::uuid[]))",
    await rootsOf(context, permission),
  );
  await narrowToOu(context, conditions);
  return conditions;
}

const byId = (conditions: Conditions, column: string, id: string | undefined) =>
  conditions.add(`${column} = ?::uuid`, isUuid(id ?? "") ? id : nobody);

export const directoryReads: Record<string, Read> = {
  "ou.list": async (context) =>
    readPage<OuRow, unknown>(context, ouSelect, "o.id", await within(context, "ou:read"), ouToView),
  "ou.get": async (context) => {
    const conditions = byId(await within(context, "ou:read"), "o.id", context.params["ou_id"]);
    const row = await context.tx.maybe<OuRow>(`${ouSelect} where ${conditions.sql}`, conditions.values);
    return ouToView(found(row, "OU", context.params["ou_id"]));
  },
  "user.list": async (context) => {
    const users = await seenWithin(context, "user:read");
    const { conditions } = users;
    if (typeof context.query["email"] === "string") conditions.add("u.email = lower(?)", context.query["email"]);
    narrowToText(context, conditions, ["u.email", "u.display_name"]);
    return readSeen<UserRow, unknown>(context, userList, users, userToView);
  },
  "user.get": async (context) => {
    const { tx, params, caller } = context;
    const reference = params["user"] ?? "";
    const conditions = (await within(context, "user:read")).add(
      isUuid(reference) ? "u.id = ?::uuid" : "u.email = lower(?)",
      reference,
    );
    const row = await tx.maybe<UserRow>(`${userSelect} where ${conditions.sql}`, conditions.values);
    if (row === undefined) throw missingUser(reference, "user");
    // Groups and roles lie in OUs of their own: what the caller may not see there is left out. Everybody sees their own.
    const own = row.id === caller.principalId;
    const groups = await tx.rows<{ id: string; name: string }>(
      `select g.id, g.name from user_groups m join groups g on g.id = m.group_id join ous o on o.id = g.ou_id
        where m.user_id = $1 and ($2 or o.ancestors && $3::uuid[]) order by g.name`,
      [row.id, own, await rootsOf(context, "group:read")],
    );
    const roles = await tx.rows<{
      id: string;
      role: string;
      path: string;
      group: string | null;
      expires_at: Date | null;
    }>(
      `select b.id, b.role, o.path, g.name as "group", b.expires_at from bindings b join ous o on o.id = b.ou_id
         left join groups g on g.id = b.group_id
        where (b.user_id = $1 or b.group_id in (select group_id from user_groups where user_id = $1))
          and ($2 or o.ancestors && $3::uuid[]) order by o.path, b.role`,
      [row.id, own, await rootsOf(context, "binding:read")],
    );
    return {
      ...userToView(row),
      groups,
      roles: roles.map((entry) => ({
        binding_id: entry.id,
        role: entry.role,
        ou_path: entry.path,
        via_group: entry.group,
        expires_at: entry.expires_at?.toISOString() ?? null,
      })),
    };
  },
  "group.list": async (context) => {
    const conditions = await within(context, "group:read");
    narrowToText(context, conditions, ["g.name", "g.display_name"]);
    return readPage<GroupRow, unknown>(context, groupSelect, "g.id", conditions, groupToView);
  },
  "group.get": async (context) => {
    const conditions = byId(await within(context, "group:read"), "g.id", context.params["group_id"]);
    const row = await context.tx.maybe<GroupRow>(`${groupSelect} where ${conditions.sql}`, conditions.values);
    return groupToView(found(row, "group", context.params["group_id"]));
  },
  "role.list": async () => ({
    data: Object.entries(builtInRoles).map(([name, role]) => ({ name, ...role })),
    next_cursor: null,
  }),
  "binding.list": async (context) => {
    const bindings = await seenWithin(context, "binding:read");
    const { conditions } = bindings;
    await narrowToPerson(context, conditions, "user", "b.user_id");
    narrowToSame(context, conditions, { group: "b.group_id", role: "b.role" });
    return readSeen<BindingRow, unknown>(context, bindingList, bindings, bindingToView);
  },
  "binding.get": async (context) => {
    const conditions = byId(await within(context, "binding:read"), "b.id", context.params["binding_id"]);
    const row = await context.tx.maybe<BindingRow>(`${bindingSelect} where ${conditions.sql}`, conditions.values);
    return bindingToView(found(row, "binding", context.params["binding_id"]));
  },
  "skill.list": async (context) => {
    const conditions = await offeredWithin(context, "skill:read");
    narrowToText(context, conditions, ["s.name", "s.description"]);
    return readPage<SkillRow, unknown>(context, skillSelect, "s.id", conditions, skillToView);
  },
  "skill.get": async (context) => {
    const conditions = byId(await offeredWithin(context, "skill:read"), "s.id", context.params["skill_id"]);
    const row = await context.tx.maybe<SkillRow>(`${skillSelect} where ${conditions.sql}`, conditions.values);
    return skillToView(found(row, "skill", context.params["skill_id"]));
  },
  "skill_version.list": async (context) => {
    const { tx, params, query } = context;
    const conditions = byId(await offeredWithin(context, "skill:read"), "s.id", params["skill_id"]);
    found(await tx.maybe(`${skillSelect} where ${conditions.sql}`, conditions.values), "skill", params["skill_id"]);
    const limit = Number(query["limit"] ?? 50);
    const cursor = query["cursor"];
    if (cursor !== undefined && !/^[1-9]\d{0,8}$/.test(String(cursor))) throw foreignCursor();
    const rows = await tx.rows<{ version: number; content: string; created_at: Date }>(
      `select version, content, created_at from skill_versions where skill_id = $1 and version < $2
        order by version desc limit $3`,
      [params["skill_id"], Number(cursor ?? 2_147_483_647), limit + 1],
    );
    const page = rows.slice(0, limit);
    return {
      data: page.map((row) => ({ skill_id: params["skill_id"], ...row, created_at: row.created_at.toISOString() })),
      next_cursor: rows.length > limit ? String(page.at(-1)?.version) : null,
    };
  },
  "mcp_server.list": async (context) => {
    const conditions = (await offeredWithin(context, "mcp_server:read")).add("m.removed_at is null");
    narrowToText(context, conditions, ["m.name", "m.display_name", "m.url"]);
    return readPage<McpServerRow, unknown>(context, mcpServerSelect, "m.id", conditions, mcpServerToView);
  },
  "mcp_server.get": async (context) => {
    const id = context.params["mcp_server_id"];
    const conditions = byId(await offeredWithin(context, "mcp_server:read"), "m.id", id).add("m.removed_at is null");
    const row = await context.tx.maybe<McpServerRow>(`${mcpServerSelect} where ${conditions.sql}`, conditions.values);
    return mcpServerToView(found(row, "MCP server", id));
  },
  "agent.list": async (context) => {
    const agents = await seenWithin(context, "agent:read");
    const conditions = agents.conditions.add("a.deleted_at is null");
    narrowToSame(context, conditions, { name: "a.name", sync_state: "a.sync_state", kind: "a.kind" });
    await narrowToPerson(context, conditions, "owner", "a.owner_id");
    if (context.query["mcp_server"] !== undefined)
      conditions.add(
        "a.id in (select agent_id from agent_mcp_servers where mcp_server_id = ?::uuid)",
        context.query["mcp_server"],
      );
    narrowToText(context, conditions, ["a.name", "a.display_name", "u.email"]);
    return readSeen<AgentRow, unknown>(context, agentList, agents, agentToView);
  },
  "agent.get": async (context) => agentToStateView(context.tx, await readAgent(context)),
  "credential.list": async (context) => {
    const agent = await readAgent(context);
    const conditions = new Conditions().add("c.agent_id = ?", agent.id);
    return readPage<CredentialRow, unknown>(context, credentialSelect, "c.id", conditions, credentialToView);
  },
  "policy.list": async (context) =>
    readPage<PolicyRow, unknown>(context, policySelect, "p.id", await within(context, "policy:read"), policyToView),
  "policy.get": async (context) => {
    const conditions = byId(await within(context, "policy:read"), "p.id", context.params["policy_id"]);
    const row = await context.tx.maybe<PolicyRow>(`${policySelect} where ${conditions.sql}`, conditions.values);
    return policyToView(found(row, "approval policy", context.params["policy_id"]));
  },
};

async function readAgent(context: ReadContext): Promise<AgentRow> {
  const id = context.params["agent_id"];
  const conditions = byId(await within(context, "agent:read"), "a.id", id).add("a.deleted_at is null");
  return found(
    await context.tx.maybe<AgentRow>(`${agentSelect} where ${conditions.sql}`, conditions.values),
    "agent",
    id,
  );
}
