import type { z } from "zod";
import type { bindingView, groupView, userView } from "../../contracts/views.ts";
import type { Sql } from "../database.ts";
import { isUuid } from "./ous.ts";
import type { Listed } from "./sights.ts";

export interface UserRow {
  id: string;
  email: string;
  display_name: string;
  home_ou_id: string;
  home_ou_path: string;
  home_ou_ancestors: string[];
  status: "active" | "suspended";
  created_at: Date;
}

const userFrom = `from users u join ous o on o.organisation_id = u.organisation_id and o.id = u.home_ou_id`;

export const userSelect = `select u.id, u.email, u.display_name, u.home_ou_id, o.path as home_ou_path,
  o.ancestors as home_ou_ancestors, u.status, u.created_at
  ${userFrom}`;

export const userList: Listed = { select: userSelect, from: userFrom, id: "u.id", ou: "u.home_ou_id" };

/** A user by email (any case) or principal id. */
export function findUser(sql: Sql, reference: string): Promise<UserRow | undefined> {
  return isUuid(reference)
    ? sql.maybe<UserRow>(`${userSelect} where u.id = $1`, [reference])
    : sql.maybe<UserRow>(`${userSelect} where u.email = lower($1)`, [reference]);
}

export function userToView(row: UserRow): z.infer<typeof userView> {
  return {
    id: row.id,
    principal_id: row.id,
    email: row.email,
    display_name: row.display_name,
    home_ou_id: row.home_ou_id,
    home_ou_path: row.home_ou_path,
    status: row.status,
    created_at: row.created_at.toISOString(),
  };
}

export interface GroupRow {
  id: string;
  name: string;
  display_name: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  members: { kind: "user" | "group"; id: string; name: string }[];
  created_at: Date;
}

export const groupSelect = `select g.id, g.name, g.display_name, g.ou_id, o.path as ou_path, o.ancestors as ou_ancestors,
  g.created_at, coalesce((
    select json_agg(json_build_object('kind', case when m.member_user_id is null then 'group' else 'user' end,
             'id', coalesce(m.member_user_id, m.member_group_id), 'name', coalesce(u.email, inner_group.name)) order by m.created_at)
      from group_members m left join users u on u.id = m.member_user_id left join groups inner_group on inner_group.id = m.member_group_id
     where m.group_id = g.id), '[]') as members
  from groups g join ous o on o.organisation_id = g.organisation_id and o.id = g.ou_id`;

/** A group by id. */
export function findGroup(sql: Sql, id: string): Promise<GroupRow | undefined> {
  return isUuid(id) ? sql.maybe<GroupRow>(`${groupSelect} where g.id = $1`, [id]) : Promise.resolve(undefined);
}

export function groupToView(row: GroupRow): z.infer<typeof groupView> {
  return {
    id: row.id,
    name: row.name,
    display_name: row.display_name,
    ou_id: row.ou_id,
    ou_path: row.ou_path,
    members: row.members,
    created_at: row.created_at.toISOString(),
  };
}

export interface BindingRow {
  id: string;
  role: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  user_id: string | null;
  group_id: string | null;
  principal_name: string;
  expires_at: Date | null;
  created_at: Date;
}

const bindingFrom = `from bindings b join ous o on o.organisation_id = b.organisation_id and o.id = b.ou_id
  left join users u on u.organisation_id = b.organisation_id and u.id = b.user_id
  left join groups g on g.organisation_id = b.organisation_id and g.id = b.group_id`;

export const bindingSelect = `select b.id, b.role, b.ou_id, o.path as ou_path, o.ancestors as ou_ancestors, b.user_id,
  b.group_id, coalesce(u.email, g.name) as principal_name, b.expires_at, b.created_at
  ${bindingFrom}`;

export const bindingList: Listed = { select: bindingSelect, from: bindingFrom, id: "b.id", ou: "b.ou_id" };

/** A binding by id. */
export function findBinding(sql: Sql, id: string): Promise<BindingRow | undefined> {
  return isUuid(id) ? sql.maybe<BindingRow>(`${bindingSelect} where b.id = $1`, [id]) : Promise.resolve(undefined);
}

export function bindingToView(row: BindingRow): z.infer<typeof bindingView> {
  return {
    id: row.id,
    role: row.role,
    ou_id: row.ou_id,
    ou_path: row.ou_path,
    principal_kind: row.user_id === null ? "group" : "user",
    principal_id: row.user_id ?? row.group_id ?? "",
    principal_name: row.principal_name,
    expires_at: row.expires_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}
