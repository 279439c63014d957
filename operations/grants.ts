import { builtInRoles, type Permission, type RoleName } from "../core/authority/roles.ts";
import type { Sql } from "../db/database.ts";
import type { OuScope } from "./declaration.ts";

/**
 * What one must hold to hand out a role at an OU: all that it grants. Otherwise whoever may bind roles, or add members to
 * groups, could make themselves anything.
 */
export function needsToGrant(role: RoleName, ou: OuScope): { permission: Permission; ou: OuScope }[] {
  return builtInRoles[role].permissions.map((permission) => ({ permission, ou }));
}

/** What joining a group hands out: every role bound to it, or to a group it is in. */
export async function needsToJoin(sql: Sql, groupId: string): Promise<{ permission: Permission; ou: OuScope }[]> {
  const rows = await sql.rows<{ role: RoleName; id: string; path: string; ancestors: string[] }>(
    `with recursive above as (
       select $1::uuid as id
       union
       select m.group_id from above a join group_members m on m.member_group_id = a.id)
     select distinct b.role, o.id, o.path, o.ancestors
       from above a join bindings b on b.group_id = a.id join ous o on o.id = b.ou_id`,
    [groupId],
  );
  return rows.flatMap(({ role, ...ou }) => needsToGrant(role, ou));
}
