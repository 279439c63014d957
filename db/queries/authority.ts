import type { AuthorityEvidence, BindingEvidence, Granter } from "../../core/authority/decide.ts";
import { grantingRoles, type Permission } from "../../core/authority/roles.ts";
import type { Sql } from "../database.ts";

interface EvidenceRow {
  email: string;
  status: "active" | "suspended";
  bindings: {
    id: string;
    role: string;
    permissions: string[];
    ouPath: string;
    viaGroup: string | null;
    expiresAt: string | null;
  }[];
}

/** All bindings that reach a user, directly or through groups; $1 is the user. */
const reachingBindings = `
  select b.id, b.role, b.ou_id, b.expires_at, null::uuid as group_id from bindings b where b.user_id = $1
  union all
  select b.id, b.role, b.ou_id, b.expires_at, b.group_id from bindings b
    join user_groups m on m.group_id = b.group_id and m.user_id = $1`;

/** What `decide` needs to know about one principal, one permission, one OU. One round trip. */
export async function gatherEvidence(
  sql: Sql,
  principalId: string,
  permission: Permission,
  ou: { path: string; ancestors: readonly string[] },
  now: Date,
): Promise<AuthorityEvidence> {
  const row = await sql.maybe<EvidenceRow>(
    `select u.email, u.status, coalesce((
       select json_agg(json_build_object('id', b.id, 'role', b.role, 'permissions', r.permissions, 'ouPath', o.path,
                'viaGroup', g.name, 'expiresAt', b.expires_at))
         from (${reachingBindings}) b
         join roles r on r.name = b.role
         join ous o on o.id = b.ou_id
         left join groups g on g.id = b.group_id
        where b.ou_id = any ($2::uuid[])), '[]') as bindings
     from users u where u.id = $1`,
    [principalId, ou.ancestors],
  );
  const bindings: BindingEvidence[] = (row?.bindings ?? []).map(({ id, expiresAt, ...binding }) => ({
    ...binding,
    bindingId: id,
    expiresAt: expiresAt === null ? null : new Date(expiresAt),
  }));
  const principal = row === undefined ? null : { id: principalId, email: row.email, status: row.status };
  return { permission, ouPath: ou.path, now, principal, bindings };
}

/** People whose bindings at this OU let them grant others a role with this permission: who to ask. At most five. */
export function findGranters(
  sql: Sql,
  permission: Permission,
  ancestors: readonly string[],
  now: Date,
): Promise<Granter[]> {
  return sql.rows<{ email: string; role: string; ouPath: string }>(
    `select distinct on (u.email) u.email, b.role, o.path as "ouPath"
       from bindings b
       left join user_groups m on m.group_id = b.group_id
       join users u on u.id = coalesce(b.user_id, m.user_id)
       join ous o on o.id = b.ou_id
      where b.ou_id = any ($1::uuid[]) and b.role = any ($2::text[]) and u.status = 'active'
        and (b.expires_at is null or b.expires_at > $3)
      order by u.email limit 5`,
    [ancestors, grantingRoles(permission), now],
  );
}

/** A role a principal holds, from this OU downwards. */
export interface HeldRole {
  role: string;
  ou_id: string;
}

/** All roles a principal holds now, and where. */
export function heldRoles(sql: Sql, principalId: string, now: Date): Promise<HeldRole[]> {
  return sql.rows<HeldRole>(
    `select distinct b.role, b.ou_id from (${reachingBindings}) b join users u on u.id = $1 and u.status = 'active'
      where b.expires_at is null or b.expires_at > $2`,
    [principalId, now],
  );
}

/** Ids of the OUs at which a principal holds a permission; everything below them is covered too. */
export async function grantedRoots(
  sql: Sql,
  principalId: string,
  permission: Permission,
  now: Date,
): Promise<string[]> {
  const rows = await sql.rows<{ ou_id: string }>(
    `select distinct b.ou_id from (${reachingBindings}) b
       join roles r on r.name = b.role join users u on u.id = $1 and u.status = 'active'
      where $2 = any (r.permissions) and (b.expires_at is null or b.expires_at > $3)`,
    [principalId, permission, now],
  );
  return rows.map((row) => row.ou_id);
}

/** Every permission a principal holds, by name, with ids and paths of the OUs at which they do. */
export function grantedEverywhere(
  sql: Sql,
  principalId: string,
  now: Date,
): Promise<{ permission: string; ous: string[]; paths: string[] }[]> {
  return sql.rows(
    `select p.permission, array_agg(distinct o.id) as ous, array_agg(distinct o.path order by o.path) as paths from (${reachingBindings}) b
       join roles r on r.name = b.role cross join unnest(r.permissions) p (permission)
       join ous o on o.id = b.ou_id join users u on u.id = $1 and u.status = 'active'
      where b.expires_at is null or b.expires_at > $2 group by p.permission order by p.permission`,
    [principalId, now],
  );
}

/**
 * Takes the organisation's authority version: shared by every mutation, exclusive by changes to bindings and policies, so
 * that no mutation is decided on rights that change under it (lock order: authority, operation, target, audit head).
 */
export async function lockAuthority(sql: Sql, mode: "share" | "update"): Promise<void> {
  if (mode === "share") await sql.rows("select version from authority_versions for share");
  else await sql.run("update authority_versions set version = version + 1");
}

/**
 * The same for an operation whose name is not known yet. The name is immutable, so reading it unlocked keeps the lock order.
 * @returns the operation's name, or undefined when there is none
 */
export async function lockAuthorityFor(
  sql: Sql,
  operationId: string,
  exclusive: readonly string[],
): Promise<string | undefined> {
  const row = await sql.maybe<{ name: string }>(
    `select p.name, (select v.version from authority_versions v where p.name <> all ($2::text[]) for share)
       from operations p where p.id = $1`,
    [operationId, exclusive],
  );
  if (row !== undefined && exclusive.includes(row.name)) await lockAuthority(sql, "update");
  return row?.name;
}
