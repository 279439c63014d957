import { PowerloomError } from "../core/errors.ts";
import type { Sql } from "../db/database.ts";

/** Refuses the change that would leave nobody to administer the organisation. Call after the change, before the commit. */
export async function requireRemainingAdmin(sql: Sql, now: Date): Promise<void> {
  const admin = await sql.maybe(
    `select from bindings b
       join ous o on o.id = b.ou_id and o.parent_id is null
       left join user_groups m on m.group_id = b.group_id
       join users u on u.id = coalesce(b.user_id, m.user_id) and u.status = 'active'
      where b.role = 'OrgAdmin' and (b.expires_at is null or b.expires_at > $1) limit 1`,
    [now],
  );
  if (admin === undefined)
    throw new PowerloomError("conflict", "This would leave the organisation without an OrgAdmin at its root.");
}
