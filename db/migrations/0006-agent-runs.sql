-- Agent runs: who asked for what, what each step did and cost, who allowed it. The workflow holds references to these rows.

create table agent_definitions (
  id uuid not null,
  organisation_id uuid not null references organisations,
  name text not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  version integer not null check (version > 0),
  digest text not null check (length(digest) = 64),
  document jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  unique (organisation_id, name, version),
  unique (organisation_id, name, digest)
);
call govern_table('agent_definitions', 'select, insert');

create table agent_runs (
  id uuid not null,
  organisation_id uuid not null references organisations,
  parent_run_id uuid,
  root_run_id uuid not null,
  -- W3C trace id: the same through a whole tree of runs.
  trace_id text not null check (trace_id ~ '^[0-9a-f]{32}$'),
  -- W3C traceparent that a root run was asked for with: the span above it.
  traceparent text,
  definition_id uuid not null,
  agent_id text not null,
  role_id text not null,
  model_id text not null,
  ou_id uuid not null,
  requester_id uuid not null,
  -- Through whom it was asked for: an agent in its session, or a person's own client. Empty: by the person directly.
  act text not null default '',
  sid text not null default '',
  -- Definitions of the whole tree, pinned when it started: agent id to definition id.
  pinned jsonb not null,
  models jsonb not null default '{}',
  status text not null default 'received' check (status in
    ('received', 'running', 'waiting', 'paused', 'completed', 'failed', 'stopped', 'cancelled')),
  waiting_for text,
  input jsonb not null,
  input_summary text not null,
  output jsonb,
  output_summary text,
  plan jsonb,
  error_msg text,
  -- Why it ended as it did: rule and reason.
  reason jsonb,
  budget jsonb not null,
  tokens_total bigint not null default 0,
  cost_micros_total bigint not null default 0,
  calls_total integer not null default 0,
  next_position integer not null default 1,
  idempotency_key text,
  body_digest text not null,
  created_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  completed_at timestamptz,
  primary key (organisation_id, id),
  unique (organisation_id, requester_id, act, sid, idempotency_key),
  check ((status in ('completed', 'failed', 'stopped', 'cancelled')) = (completed_at is not null)),
  foreign key (organisation_id, parent_run_id) references agent_runs (organisation_id, id),
  foreign key (organisation_id, root_run_id) references agent_runs (organisation_id, id),
  foreign key (organisation_id, definition_id) references agent_definitions (organisation_id, id),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id),
  foreign key (organisation_id, requester_id) references users (organisation_id, id)
);
create index agent_runs_tree on agent_runs (organisation_id, root_run_id);
create index agent_runs_open on agent_runs (created_at) where completed_at is null;
call govern_table('agent_runs', 'select, insert, update');

-- A step is one call of a model or of a tool. Its id is given by the workflow, so that a repeated attempt finds it.
create table agent_steps (
  step_id text not null,
  organisation_id uuid not null references organisations,
  run_id uuid not null,
  step_num integer not null,
  step_type text not null check (step_type in ('model_call', 'tool_call')),
  thread text not null,
  plan_step integer,
  tool_name text,
  tool_use_id text,
  args jsonb,
  args_digest text,
  input_summary text,
  result text,
  result_digest text,
  output_summary text,
  is_error boolean,
  -- What the workflow was told of it: a repeated attempt answers the same.
  facts jsonb,
  decision jsonb,
  child_run_id uuid,
  tokens integer not null default 0,
  cost_micros bigint not null default 0,
  usage jsonb,
  -- Of what a call of a model sent before what was said: tools, instructions, format.
  prefix_digest text,
  -- Host of the endpoint that answered a call of a model.
  endpoint text,
  duration_ms integer,
  status text not null check (status in ('proposed', 'waiting', 'running', 'success', 'failed', 'timeout', 'refused', 'unknown')),
  error_msg text,
  created_at timestamptz not null default clock_timestamp(),
  completed_at timestamptz,
  primary key (organisation_id, run_id, step_id),
  foreign key (organisation_id, run_id) references agent_runs (organisation_id, id),
  foreign key (organisation_id, child_run_id) references agent_runs (organisation_id, id)
);
call govern_table('agent_steps', 'select, insert, update');
-- Asked with every call of a model.
create index agent_steps_looked_up on agent_steps (organisation_id, run_id) where tool_name = 'get_tool_schema';

-- The transcript: what was said to the model and what it said, by thread. A reset begins a new thread.
create table run_messages (
  organisation_id uuid not null references organisations,
  run_id uuid not null,
  thread text not null,
  position bigint generated always as identity,
  -- The step that wrote it: a repeated attempt writes it once.
  origin text not null,
  role text not null check (role in ('user', 'assistant')),
  content jsonb not null,
  bytes integer not null,
  primary key (organisation_id, run_id, thread, position),
  unique (organisation_id, run_id, thread, origin),
  foreign key (organisation_id, run_id) references agent_runs (organisation_id, id)
);
-- The order may change (a word said while the model answers comes after the answer); what was said may not.
call govern_table('run_messages', 'select, insert');
grant update (position) on run_messages to powerloom_app;

-- The workspace of a tree of runs: as it was given, and as it was left.
create table run_files (
  organisation_id uuid not null references organisations,
  run_id uuid not null,
  stage text not null check (stage in ('input', 'output')),
  path text not null,
  content bytea not null,
  primary key (organisation_id, run_id, stage, path),
  foreign key (organisation_id, run_id) references agent_runs (organisation_id, id)
);
call govern_table('run_files', 'select, insert');

create table run_events (
  organisation_id uuid not null references organisations,
  -- Of the tree's root: a watcher follows the whole tree.
  root_run_id uuid not null,
  position integer not null,
  run_id uuid not null,
  origin text not null,
  type text not null,
  payload jsonb not null,
  at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, root_run_id, position),
  unique (organisation_id, run_id, origin),
  foreign key (organisation_id, root_run_id) references agent_runs (organisation_id, id)
);
call govern_table('run_events', 'select, insert');

-- What people tell a run: stored first, taken by its workflow, in order.
create table run_commands (
  id uuid not null,
  organisation_id uuid not null references organisations,
  run_id uuid not null,
  sequence bigint generated always as identity,
  kind text not null check (kind in ('message', 'pause', 'resume', 'cancel')),
  payload jsonb not null default '{}',
  created_by uuid not null,
  idempotency_key text,
  body_digest text not null,
  created_at timestamptz not null default clock_timestamp(),
  taken_at timestamptz,
  primary key (organisation_id, id),
  unique (organisation_id, run_id, created_by, idempotency_key),
  foreign key (organisation_id, run_id) references agent_runs (organisation_id, id)
);
create index run_commands_queued on run_commands (organisation_id, run_id, sequence) where taken_at is null;
call govern_table('run_commands', 'select, insert, update');

-- Who may run what, how often, until when. Consumed by one conditional update: atomic, also under concurrency.
create table leases (
  lease_id uuid not null,
  organisation_id uuid not null references organisations,
  run_id uuid not null,
  tool_id text not null,
  risk text not null check (risk in ('low', 'medium', 'high')),
  mode_at_issue text not null check (mode_at_issue in ('READ_ONLY', 'PERMISSION', 'BYPASS')),
  granted_by text not null,
  granted_at timestamptz not null,
  expires_at timestamptz not null,
  calls_remaining integer not null check (calls_remaining >= 0),
  revoked_at timestamptz,
  primary key (organisation_id, lease_id),
  unique (organisation_id, run_id, tool_id, granted_by),
  foreign key (organisation_id, run_id) references agent_runs (organisation_id, id)
);
call govern_table('leases', 'select, insert, update');

-- A step consumes a lease once, however often its attempt is repeated.
create table lease_uses (
  organisation_id uuid not null references organisations,
  lease_id uuid not null,
  run_id uuid not null,
  step_id text not null,
  at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, run_id, step_id),
  foreign key (organisation_id, lease_id) references leases (organisation_id, lease_id)
);
call govern_table('lease_uses', 'select, insert');

create table elevations (
  id uuid not null,
  organisation_id uuid not null references organisations,
  root_run_id uuid not null,
  agent_id text not null,
  tool_name text not null,
  context_hash text not null,
  context jsonb not null,
  approval_id text not null,
  granted_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  primary key (organisation_id, id),
  unique (organisation_id, approval_id)
);
create index elevations_by_scope on elevations (organisation_id, agent_id, tool_name, context_hash);
call govern_table('elevations', 'select, insert, update');

create table permission_requests (
  request_id text not null,
  organisation_id uuid not null references organisations,
  run_id uuid not null,
  step_id text not null,
  lease_id uuid,
  tool_name text not null,
  args_summary text not null,
  reason text not null,
  decision text not null default 'pending' check (decision in ('pending', 'approved', 'denied', 'expired', 'cancelled')),
  decision_reason text,
  context jsonb not null,
  artifacts jsonb not null,
  created_at timestamptz not null,
  decided_at timestamptz,
  primary key (organisation_id, request_id),
  check ((decision = 'pending') = (decided_at is null)),
  foreign key (organisation_id, run_id) references agent_runs (organisation_id, id)
);
call govern_table('permission_requests', 'select, insert, update');

-- Absent: PERMISSION. BYPASS always ends by itself.
create table governance_modes (
  organisation_id uuid primary key references organisations,
  mode text not null check (mode in ('READ_ONLY', 'PERMISSION', 'BYPASS')),
  expires_at timestamptz,
  reason text not null,
  changed_by uuid not null,
  changed_at timestamptz not null default clock_timestamp(),
  version integer not null default 1,
  check (mode <> 'BYPASS' or expires_at is not null),
  foreign key (organisation_id, changed_by) references users (organisation_id, id)
);
call govern_table('governance_modes', 'select, insert, update');

create table ou_budgets (
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  tokens_limit bigint check (tokens_limit >= 0),
  cost_micros_limit bigint check (cost_micros_limit >= 0),
  tokens_used bigint not null default 0,
  cost_micros_used bigint not null default 0,
  tokens_held bigint not null default 0 check (tokens_held >= 0),
  cost_micros_held bigint not null default 0 check (cost_micros_held >= 0),
  -- Whether the runs that went on when it was first set are held here too: the first reservation afterwards sees to it.
  counts_earlier_runs boolean not null default false,
  version integer not null default 1,
  primary key (organisation_id, ou_id),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id)
);
call govern_table('ou_budgets', 'select, insert, update');

-- What a tree of runs may spend of the budgets above it, held from its start to its end.
create table ou_budget_holds (
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  root_run_id uuid not null,
  tokens bigint not null check (tokens >= 0),
  cost_micros bigint not null check (cost_micros >= 0),
  released_at timestamptz,
  primary key (organisation_id, ou_id, root_run_id),
  foreign key (organisation_id, ou_id) references ou_budgets (organisation_id, ou_id),
  foreign key (organisation_id, root_run_id) references agent_runs (organisation_id, id)
);
call govern_table('ou_budget_holds', 'select, insert, update');

-- What the MCP servers of a tree of runs offered when it started. A server that later offers something else under an
-- approved name changes nothing for it.
create table run_tools (
  organisation_id uuid not null references organisations,
  root_run_id uuid not null,
  name text not null,
  mcp_server_id uuid not null,
  spec jsonb not null,
  primary key (organisation_id, root_run_id, name),
  foreign key (organisation_id, root_run_id) references agent_runs (organisation_id, id)
);
call govern_table('run_tools', 'select, insert');

alter table approval_requests drop constraint approval_requests_kind_check;
alter table approval_requests add constraint approval_requests_kind_check check (kind in ('operation', 'tool_call', 'permission', 'budget'));
alter table approval_requests add column run_id uuid;

-- Everything that was recorded of a tree of runs. A column, although it costs another parse of the body under the chain's
-- lock: what reads jsonb is not leakproof, and below row-level security no index over such an expression is used.
alter table control_plane_audit add column trace_id text
  generated always as (body::jsonb #>> '{detail,trace_id}') stored;
create index control_plane_audit_trace on control_plane_audit (organisation_id, trace_id, position)
  where trace_id is not null;

-- Runs nobody works on: just stored, or told something and not signalled. Only one that has not begun is started: one whose
-- workflow is gone later on has ended, which a sweep finds out.
create function unattended_runs(older_than interval, at_most integer)
returns table (organisation_id uuid, id uuid, to_start boolean)
language sql volatile security definer set search_path = pg_catalog, public
as $$ select organisation_id, id, true from agent_runs
       where parent_run_id is null and completed_at is null
         and status = 'received' and sweep_due(created_at, older_than)
      union
      select c.organisation_id, c.run_id, r.parent_run_id is null and r.status = 'received' from run_commands c
        join agent_runs r on r.organisation_id = c.organisation_id and r.id = c.run_id
       where c.taken_at is null and r.completed_at is null and sweep_due(c.created_at, older_than) limit at_most $$;

-- Runs that should have a workflow of their own. Those with subagents at work are left for later: what these spend belongs
-- to the end of the run that started them. At random, so that none is always passed over where there are more than are asked for.
create function begun_runs(older_than interval, at_most integer)
returns table (organisation_id uuid, id uuid)
language sql volatile security definer set search_path = pg_catalog, public
as $$ select organisation_id, id from agent_runs r
       where completed_at is null and status <> 'received' and started_at < clock_timestamp() - older_than
         and not exists (select from agent_runs c
               where c.organisation_id = r.organisation_id and c.root_run_id = r.root_run_id and c.parent_run_id = r.id
                 and c.completed_at is null and c.status <> 'received')
       order by random() limit at_most $$;

do $$
declare
  target text;
begin
  foreach target in array array['agent_runs', 'run_commands'] loop
    execute format('grant select on %I to powerloom_lookup', target);
    execute format('create policy lookup on %I for select to powerloom_lookup using (true)', target);
  end loop;
  foreach target in array array['unattended_runs(interval, integer)', 'begun_runs(interval, integer)'] loop
    execute format('alter function %s owner to powerloom_lookup', target);
    execute format('revoke all on function %s from public', target);
    execute format('grant execute on function %s to powerloom_app', target);
  end loop;
end $$;
