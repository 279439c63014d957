import type { Pool } from "pg";
import { v7 } from "uuid";

export interface LargeOrganisation {
  organisationId: string;
  userIds: string[];
  ous: { path: string; ancestors: string[] }[];
}

/** 1,000 OUs four deep, 10,000 users, 50,000 bindings and 200 groups, written past the API: it would take an hour. */
export async function fillLargeOrganisation(admin: Pool): Promise<LargeOrganisation> {
  const organisationId = v7();
  const client = await admin.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('powerloom.organisation', $1, true)", [organisationId]);
    await client.query("insert into organisations (id, name, display_name) values ($1, 'large', 'Large')", [
      organisationId,
    ]);
    await client.query("insert into authority_versions (organisation_id) values ($1)", [organisationId]);
    // OU n lies under n / 10: ten to a level, deterministic ids.
    await client.query(
      `create function pg_temp.bench_id(kind text, n integer) returns uuid language sql immutable
        as $$ select md5(kind || n)::uuid $$`,
    );
    await client.query(
      `with recursive tree as (
         select 0 as n, array[pg_temp.bench_id('ou', 0)] as ancestors, '/large' as path
         union all
         select c.n, t.ancestors || pg_temp.bench_id('ou', c.n), t.path || '/ou-' || c.n
           from tree t, lateral (select t.n * 10 + k as n from generate_series(case when t.n = 0 then 1 else 0 end, 9) k
                                  where t.n * 10 + k < 1000) c
       )
       insert into ous (id, organisation_id, parent_id, name, display_name, path, ancestors)
       select ancestors[cardinality(ancestors)], $1, ancestors[cardinality(ancestors) - 1],
              case when n = 0 then 'large' else 'ou-' || n end, 'OU', path, ancestors from tree order by cardinality(ancestors)`,
      [organisationId],
    );
    await client.query(
      `insert into users (id, organisation_id, email, display_name, home_ou_id)
       select pg_temp.bench_id('user', n), $1, 'user-' || n || '@large.test', 'User', pg_temp.bench_id('ou', n % 1000)
         from generate_series(0, 9999) n`,
      [organisationId],
    );
    await client.query(
      `insert into groups (id, organisation_id, ou_id, name, display_name)
       select pg_temp.bench_id('group', n), $1, pg_temp.bench_id('ou', 0), 'group-' || n, 'Group' from generate_series(0, 199) n`,
      [organisationId],
    );
    await client.query(
      `insert into group_members (organisation_id, group_id, member_user_id)
       select $1, pg_temp.bench_id('group', n % 200), pg_temp.bench_id('user', n) from generate_series(0, 9999) n`,
      [organisationId],
    );
    await client.query(
      `insert into bindings (id, organisation_id, ou_id, role, user_id, group_id)
       select pg_temp.bench_id('binding', n), $1, pg_temp.bench_id('ou', (n * 37 + n / 10000) % 1000),
              (array['Viewer', 'AgentUser', 'OrgAdmin', 'Auditor'])[1 + n / 10000 % 4],
              case when n < 49000 then pg_temp.bench_id('user', n % 10000) end,
              case when n >= 49000 then pg_temp.bench_id('group', n % 200) end
         from generate_series(0, 49999) n on conflict do nothing`,
      [organisationId],
    );
    await client.query("commit");
    await client.query("analyze ous, users, bindings, groups, user_groups");
    const users = await client.query<{ id: string }>(
      "select id from users where organisation_id = $1 order by md5(id::text) limit 500",
      [organisationId],
    );
    const ous = await client.query<{ path: string; ancestors: string[] }>(
      "select path, ancestors from ous where organisation_id = $1 order by path",
      [organisationId],
    );
    return { organisationId, userIds: users.rows.map(({ id }) => id), ous: ous.rows };
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}
