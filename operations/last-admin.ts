import { PowerloomError } from "../core/errors.ts";
import type { Sql } from "../db/database.ts";

/**
 * Refuses the change that would leave nobody to administer the organisation for good: somebody whose role expires does not
 * count, or the organisation would be left alone at that moment. Call after the change, before the commit.
 */
export async function requireRemainingAdmin(sql: Sql): Promise<void> {
  const admin = await sql.maybe(
    `select from bindings b
       join ous o on o.id = b.ou_id and o.parent_id is null
       left join user_groups m on m.group_id = b.group_id
       join users u on u.id = coalesce(b.user_id, m.user_id) and u.status = 'active'
      where b.role = 'OrgAdmin' and b.expires_at is null limit 1`,
  );
  if (admin === undefined)
    throw new PowerloomError("conflict", "This would leave the organisation without a lasting OrgAdmin at its root.");
}
