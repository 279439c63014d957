import type { Pool, PoolClient } from "pg";

/** How many rows of each kind an organisation has at a factor. */
export function sizeAt(factor: number) {
  return {
    ous: 10 * factor,
    people: 100 * factor,
    groups: 2 * factor,
    bindings: 500 * factor,
    agents: 1_000 * factor,
    requests: 1_000 * factor,
    waiting: 100 * factor,
    decided: 400 * factor,
    runs: 1_000 * factor,
    sessions: 1_000 * factor,
    changes: 1_000 * factor,
    audit: 10_000 * factor,
  };
}

type Kind = keyof ReturnType<typeof sizeAt>;

/** People the measurements are made as, besides the organisation's own: each the holder of one role at one OU. */
export const readers = { viewer: "user-1@growth.test", approver: "user-2@growth.test" };
/** Where their roles are: an OU of the first level, with those below it. */
export const readersOu = 10;
/** Rows of one kind that are written at once. */
const batch = 50_000;

/** Ids are made from numbers, so that rows of one table can name those of another; in the order of these, as real ones are. */
const functions = `
  create schema if not exists growth;
  create or replace function growth.uuid_of(kind text, n bigint) returns uuid language sql immutable as $$
    select (lpad(to_hex(1767225600000 + n * 20), 12, '0') || '7' || substr(md5(kind || n), 1, 3)
            || '8' || substr(md5(kind || n), 4, 15))::uuid $$;
  create or replace function growth.request_of(n bigint) returns text language sql immutable as $$
    select 'req_' || replace(growth.uuid_of('request', n)::text, '-', '') $$;
  create or replace function growth.trace_of(n bigint) returns text language sql immutable as $$ select md5('trace' || n) $$;
  -- What the API writes, in its canonical form: keys in order, no space, nothing to escape.
  create or replace function growth.body_of(n bigint, people bigint, agents bigint, runs bigint) returns text
  language sql immutable as $$
    select format('{"act":%s,"approval_id":%s,"delegated_from_session":null,"detail":{%s"summary":"%s agent-%s in /acme/ou-%s"%s},'
      || '"digest":"%s","id":"%s","operation":"%s","ou":"/acme/ou-%s","outcome":"%s","rule":"binding:%s","sub":"%s","target":"agent:%s"}',
      case when n % 4 = 0 then '"agent:' || growth.uuid_of('agent', n % agents) || '"' else 'null' end,
      case when n % 20 = 0 then '"' || growth.request_of(n - 1) || '"' else 'null' end,
      case when n % 10 = 0 then '"run_id":"' || growth.uuid_of('run', n / 100 % runs) || '",' else '' end,
      case when n % 3 = 0 then 'Change' else 'Create' end, n % agents, 1 + n % 10,
      case when n % 10 = 0 then ',"trace_id":"' || growth.trace_of(n / 100 % runs) || '"' else '' end,
      encode(sha256(n::text::bytea), 'hex'), growth.request_of(n),
      case when n % 5000 = 0 then 'policy.update' when n % 3 = 0 then 'agent.update' else 'agent.create' end, 1 + n % 10,
      case when n % 50 = 0 then 'refused' else 'applied' end, growth.uuid_of('binding', n % 50),
      growth.uuid_of('user', n % people), growth.uuid_of('agent', n % agents)) $$;
  create or replace procedure growth.load_ous(organisation uuid, first bigint, past bigint) language plpgsql as $$
  begin
    -- One by one: each lies under the one whose number is a tenth of its own.
    for n in first .. past - 1 loop
      insert into ous (id, organisation_id, parent_id, name, display_name, path, ancestors)
      select growth.uuid_of('ou', n + 1), organisation, o.id, 'ou-' || (n + 1), 'OU ' || (n + 1), o.path || '/ou-' || (n + 1),
             o.ancestors || growth.uuid_of('ou', n + 1)
        from ous o where o.organisation_id = organisation
         and case when n < 10 then o.parent_id is null else o.id = growth.uuid_of('ou', n / 10) end;
    end loop;
  end $$;`;

/** $1 organisation, $2 first number, $3 the one past the last; :x is how many there are of x when all is loaded. */
const statements: Record<Kind, string> = {
  ous: "call growth.load_ous($1::uuid, $2::bigint, $3::bigint)",
  people: `insert into users (id, organisation_id, email, display_name, home_ou_id)
    select growth.uuid_of('user', n), $1::uuid, 'user-' || n || '@growth.test', 'User ' || n, growth.uuid_of('ou', 1 + n % :ous)
      from generate_series($2::bigint, $3::bigint - 1) n`,
  groups: `with made as (insert into groups (id, organisation_id, ou_id, name, display_name)
      select growth.uuid_of('group', n), $1::uuid, growth.uuid_of('ou', 1 + n % :ous), 'group-' || n, 'Group ' || n
        from generate_series($2::bigint, $3::bigint - 1) n returning id)
    insert into group_members (organisation_id, group_id, member_user_id)
    select $1::uuid, growth.uuid_of('group', n), growth.uuid_of('user', n * 50 + k)
      from generate_series($2::bigint, $3::bigint - 1) n, generate_series(10, 49) k where (select count(*) from made) > 0`,
  // The first two are those of the readers; of the others one in ten is a group's.
  bindings: `insert into bindings (id, organisation_id, ou_id, role, user_id, group_id)
    select growth.uuid_of('binding', n), $1::uuid, growth.uuid_of('ou', case when n < 2 then ${readersOu} else 1 + n * 7 % :ous end),
           case n when 0 then 'Viewer' when 1 then 'OrgAdmin' else (array['Viewer', 'AgentUser', 'Auditor'])[1 + n / :people % 3] end,
           case when n < 2 then growth.uuid_of('user', n + 1) when n % 10 > 0 then growth.uuid_of('user', 10 + n % (:people - 10)) end,
           case when n >= 2 and n % 10 = 0 then growth.uuid_of('group', n / 10 % :groups) end
      from generate_series($2::bigint, $3::bigint - 1) n on conflict do nothing`,
  // Compared with the provider just now: the sweep has nothing to do with them for a day.
  agents: `insert into agents (id, organisation_id, ou_id, name, display_name, description, owner_id, kind, model, system_prompt,
      synced_generation, sync_state, checked_at)
    select growth.uuid_of('agent', n), $1::uuid, growth.uuid_of('ou', 1 + n % :ous), 'agent-' || n, 'Agent ' || n,
           'An agent that was written by the growth benchmark', growth.uuid_of('user', n % :people), 'user', 'claude-sonnet-4-5',
           repeat('You help people with what they ask of you. ', 10), 1, 'synced', clock_timestamp()
      from generate_series($2::bigint, $3::bigint - 1) n`,
  requests: `insert into operations (id, organisation_id, name, sub, key_expires_at, body_digest, input, status, ou_id, target_type,
      target_id, diff, result, created_at, expires_at, finished_at)
    select growth.request_of(n), $1::uuid, 'agent.create', growth.uuid_of('user', n % :people), at, md5(n::text), '{}', 'applied',
           growth.uuid_of('ou', 1 + n % :ous), 'agent', growth.uuid_of('agent', n),
           jsonb_build_object('before', null, 'after', jsonb_build_object('name', 'agent-' || n), 'summary', 'Create agent agent-' || n),
           '{}', at, at, at
      from generate_series($2::bigint, $3::bigint - 1) n, lateral (select clock_timestamp() - interval '30 days') t (at)`,
  waiting: asked("waiting", "pending"),
  decided: asked("decided", "applied"),
  runs: `insert into agent_runs (id, organisation_id, root_run_id, trace_id, definition_id, agent_id, role_id, model_id, ou_id,
      requester_id, pinned, status, input, input_summary, budget, body_digest, created_at, started_at, completed_at)
    select growth.uuid_of('run', n), $1::uuid, growth.uuid_of('run', n), growth.trace_of(n), d.id, 'planner', 'planner',
           'claude-sonnet-4-5', growth.uuid_of('ou', 1 + n % :ous), growth.uuid_of('user', n % :people), '{}', 'completed',
           jsonb_build_object('task', 'Task ' || n), 'Task ' || n, '{"tokens": 100000}', md5(n::text), at, at, at
      from generate_series($2::bigint, $3::bigint - 1) n, lateral (select clock_timestamp() - interval '30 days') t (at),
           (select growth.uuid_of('definition', 0) as id) d`,
  // Ended and cleaned up: those that are open are opened as people do.
  sessions: `insert into sessions (id, organisation_id, agent_id, invoker_id, prompt, status, end_reason, idle_timeout_seconds,
      body_digest, created_at, ended_at, cleaned_at)
    select growth.uuid_of('session', n), $1::uuid, growth.uuid_of('agent', n), growth.uuid_of('user', n % :people), 'Prompt ' || n,
           'ended', 'ended', 3600, md5(n::text), at, at, at
      from generate_series($2::bigint, $3::bigint - 1) n, lateral (select clock_timestamp() - interval '30 days') t (at)`,
  changes: `insert into change_events (organisation_id, type, ou_id, permission, payload)
    select $1::uuid, 'agent.created', growth.uuid_of('ou', 1 + n % :ous), 'agent:read', jsonb_build_object('summary', 'Agent ' || n)
      from generate_series($2::bigint, $3::bigint - 1) n`,
  // Each entry is hashed with the one before it, as audit_append does; times lie between the last entry's and now.
  audit: `with recursive head as materialized (
      select h.position, h.hash, e.at, clock_timestamp() as now from audit_heads h
        join control_plane_audit e on e.organisation_id = h.organisation_id and e.position = h.position
       where h.organisation_id = $1::uuid
    ), chain as (
      select position, at, null::text as at_text, null::text as body, null::text as previous, hash from head
      union all
      select c.position + 1, n.at, n.at_text, n.body, c.hash,
             encode(sha256(convert_to(format('{"at":"%s","body":%s,"organisation":"%s","position":%s,"previous":"%s","v":1}',
               n.at_text, n.body, $1::uuid, c.position + 1, c.hash), 'UTF8')), 'hex')
        from chain c, head h,
             lateral (select h.at + (h.now - h.at) * ((c.position + 1 - h.position)::float8 / ($3::bigint - $2::bigint))) t (at),
             lateral (select t.at, to_char(t.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at_text,
                             growth.body_of(c.position + 1, :people, :agents, :runs) as body) n
       where c.position < h.position + $3::bigint - $2::bigint
    ), written as (
      insert into control_plane_audit (organisation_id, position, at, at_text, body, previous, hash)
      select $1::uuid, position, at, at_text, body, previous, hash from chain where body is not null
      returning position, hash
    )
    update audit_heads set position = w.position, hash = w.hash
      from (select position, hash from written order by position desc limit 1) w where organisation_id = $1::uuid`,
};

/** Rows like the one approval request that is there, at other OUs and of other people. */
function asked(kind: "waiting" | "decided", status: "pending" | "applied"): string {
  const decided = status === "pending" ? "null" : "to_jsonb(clock_timestamp())";
  return `with first as materialized (
      select to_jsonb(r) as whole, r.diff from approval_requests r
       where organisation_id = $1::uuid and diff ->> 'summary' like '%growth-first%' limit 1)
    insert into approval_requests (:columns)
    select :columns from (
      select copy.* from first, generate_series($2::bigint, $3::bigint - 1) n,
        lateral jsonb_populate_record(null::approval_requests, first.whole || jsonb_build_object(
          'id', 'req_' || replace(growth.uuid_of('${kind}', n)::text, '-', ''), 'ou_id', growth.uuid_of('ou', 1 + n % :ous),
          'requester_id', growth.uuid_of('user', n % :people), 'digest', encode(sha256(('${kind}' || n)::bytea), 'hex'),
          'diff', jsonb_set(first.diff, '{summary}', to_jsonb('Create agent ${kind}-' || n)), 'workflow_id', '${kind}-' || n,
          'status', '${status}', 'expires_at', clock_timestamp() + interval '7 days', 'decided_at', ${decided},
          'consumed_at', ${decided})) copy) copies`;
}

/**
 * Makes an organisation larger, past the API, which would take days: valid in all that the API and the verifier of the audit
 * chain look at. It needs one approval request to go by.
 * @param from,to factors: what lies between is written
 */
export async function grow(admin: Pool, organisationId: string, from: number, to: number): Promise<void> {
  const client = await admin.connect();
  try {
    await client.query("set synchronous_commit = off; set jit = off");
    await client.query(functions);
    await client.query("select set_config('powerloom.organisation', $1, false)", [organisationId]);
    await client.query(
      `insert into agent_definitions (id, organisation_id, name, version, digest, document)
       values (growth.uuid_of('definition', 0), $1, 'growth', 1, repeat('0', 64), '{}') on conflict do nothing`,
      [organisationId],
    );
    const columns = await storedColumns(client);
    const [before, after] = [from === 0 ? undefined : sizeAt(from), sizeAt(to)];
    for (const kind of Object.keys(statements) as Kind[]) {
      const text = statements[kind].replaceAll(/:(ous|people|groups|agents|runs|columns)\b/g, (_, name: string) =>
        name === "columns" ? columns : String(after[name as Kind]),
      );
      for (let first = before?.[kind] ?? 0; first < after[kind]; first += batch)
        await client.query(
          inlined(text, [`'${organisationId}'`, String(first), String(Math.min(first + batch, after[kind]))]),
        );
    }
    await client.query("vacuum analyze");
  } finally {
    await client.query("reset all").catch(() => undefined);
    client.release();
  }
}

/** A `call` and a planner that should know the numbers: written into the text. */
function inlined(text: string, values: readonly string[]): string {
  return text.replaceAll(/\$(\d)(?!\d)/g, (_, index: string) => values[Number(index) - 1] ?? "null");
}

async function storedColumns(client: PoolClient): Promise<string> {
  const { rows } = await client.query<{ columns: string }>(
    `select string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
      where table_schema = 'public' and table_name = 'approval_requests' and is_generated = 'NEVER'`,
  );
  return rows[0]?.columns ?? "";
}
