import { builtInRoles, type Permission, type RoleName } from "../core/authority/roles.ts";
import type { Sql } from "../db/database.ts";
import type { OuScope, Preview } from "./declaration.ts";

/**
 * What one must hold to hand out a role at an OU: all that it grants. Otherwise whoever may bind roles, or add members to
 * groups, could make themselves anything.
 */
export function needsToGrant(role: RoleName, ou: OuScope): { permission: Permission; ou: OuScope }[] {
  return builtInRoles[role].permissions.map((permission) => ({ permission, ou }));
}

/**
 * What joining or leaving a group means: every role bound to it, or to a group it is in, given or taken. It needs what each
 * of these needs, and amounts to each of them.
 * @returns also `roles`, for people: the approver has to see what the membership is worth, and approves that
 */
export async function membershipOf(
  sql: Sql,
  groupId: string,
  operation: "binding.create" | "binding.delete",
  now: Date,
): Promise<Required<Pick<Preview<unknown>, "alsoNeeds" | "alsoAmountsTo">> & { roles: string[] }> {
  const rows = await sql.rows<{ role: RoleName; id: string; path: string; ancestors: string[] }>(
    `with recursive above as (
       select $1::uuid as id
       union
       select m.group_id from above a join group_members m on m.member_group_id = a.id)
     select distinct b.role, o.id, o.path, o.ancestors
       from above a join bindings b on b.group_id = a.id join ous o on o.id = b.ou_id
      where b.expires_at is null or b.expires_at > $2 order by o.path, b.role`,
    [groupId, now],
  );
  return {
    alsoNeeds: rows.flatMap(({ role, ...ou }) => needsToGrant(role, ou)),
    alsoAmountsTo: [...Map.groupBy(rows, ({ id }) => id).values()].flatMap(([first]) =>
      first === undefined ? [] : [{ operation, ou: { id: first.id, path: first.path, ancestors: first.ancestors } }],
    ),
    roles: rows.map(({ role, path }) => `${role} on ${path}`),
  };
}
