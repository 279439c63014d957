create table sessions (
  id uuid not null,
  organisation_id uuid not null references organisations,
  agent_id uuid not null,
  invoker_id uuid not null,
  prompt text not null,
  status text not null default 'starting'
    check (status in ('starting', 'running', 'idle', 'waiting', 'ended', 'failed')),
  end_reason text,
  error jsonb,
  agent_version integer,
  idle_timeout_seconds integer not null check (idle_timeout_seconds > 0),
  cma_session_id text,
  cma_vault_id text,
  create_intended_at timestamptz not null default clock_timestamp(),
  final_message text,
  next_position integer not null default 1,
  idempotency_key text,
  body_digest text not null,
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  cleaned_at timestamptz,
  primary key (organisation_id, id),
  unique (organisation_id, invoker_id, idempotency_key),
  check ((status in ('ended', 'failed')) = (ended_at is not null)),
  foreign key (organisation_id, agent_id) references agents (organisation_id, id),
  foreign key (organisation_id, invoker_id) references users (organisation_id, id)
);
create index sessions_open on sessions (organisation_id, agent_id) where ended_at is null;
create index sessions_starting on sessions (created_at) where status = 'starting';
call govern_table('sessions', 'select, insert, update');

-- What people tell a session: stored first, delivered by its workflow, exactly in order.
create table session_commands (
  id uuid not null,
  organisation_id uuid not null references organisations,
  session_id uuid not null,
  sequence bigint generated always as identity,
  kind text not null check (kind in ('message', 'interrupt', 'end', 'confirmation', 'notice')),
  payload jsonb not null,
  created_by uuid,
  idempotency_key text,
  body_digest text,
  created_at timestamptz not null default clock_timestamp(),
  -- Set before the provider is asked: a send whose answer was lost is looked for before it is sent again.
  sending_at timestamptz,
  sent_at timestamptz,
  provider_event_id text,
  primary key (organisation_id, id),
  unique (organisation_id, session_id, created_by, idempotency_key),
  foreign key (organisation_id, session_id) references sessions (organisation_id, id)
);
create index session_commands_queued on session_commands (organisation_id, session_id, sequence) where sent_at is null;
call govern_table('session_commands', 'select, insert, update');

create table session_events (
  organisation_id uuid not null references organisations,
  session_id uuid not null,
  position integer not null,
  provider_event_id text,
  type text not null,
  payload jsonb not null,
  at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, session_id, position),
  unique (organisation_id, session_id, provider_event_id),
  foreign key (organisation_id, session_id) references sessions (organisation_id, id)
);
call govern_table('session_events', 'select, insert');

-- One bearer per session and attached server. `credential_id` is null for a session-bound one (powerloom_meta).
create table session_bearers (
  organisation_id uuid not null references organisations,
  session_id uuid not null,
  agent_id uuid not null,
  mcp_server_id uuid not null,
  bearer_hash text not null unique,
  sealed_bearer text,
  revoked_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, session_id, mcp_server_id),
  foreign key (organisation_id, session_id) references sessions (organisation_id, id),
  foreign key (organisation_id, mcp_server_id) references mcp_servers (organisation_id, id)
);
call govern_table('session_bearers', 'select, insert, update');

create table stream_tickets (
  organisation_id uuid not null references organisations,
  ticket_hash text not null unique,
  session_id uuid not null,
  principal_id uuid not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (organisation_id, ticket_hash)
);
call govern_table('stream_tickets', 'select, insert, update');

-- What was asked of the bootstrap workflow, by whom, and how far it is.
create table bootstraps (
  organisation_id uuid primary key references organisations,
  principal_id uuid not null,
  input jsonb not null,
  status text not null default 'running' check (status in ('running', 'ready', 'failed')),
  steps jsonb not null default '[]',
  problem jsonb,
  requested_at timestamptz not null default clock_timestamp()
);
call govern_table('bootstraps', 'select, insert, update');

-- Read by the token issuer's role alone; the private half is sealed under a key kept outside the database.
create table signing_keys (
  kid text primary key,
  public_jwk jsonb not null,
  sealed_private_jwk text not null,
  created_at timestamptz not null default clock_timestamp(),
  retires_at timestamptz not null
);
grant select, insert on signing_keys to powerloom_issuer;

-- What changed, for watchers. Positions are taken when a row is written, not when it commits, so they are read in the order
-- of their transactions and behind the oldest running one: then nothing can appear before what was read already.
create table change_events (
  position bigint generated always as identity,
  organisation_id uuid not null references organisations,
  transaction_id xid8 not null default pg_current_xact_id(),
  at timestamptz not null default clock_timestamp(),
  type text not null,
  ou_id uuid,
  permission text not null,
  payload jsonb not null,
  primary key (organisation_id, position)
);
create index change_events_order on change_events (organisation_id, transaction_id, position);
call govern_table('change_events', 'select, insert');

-- Questions asked before the organisation is known. Each answers with ids only, to be looked at again inside it.
create function find_identity_providers(wanted text) returns table (organisation_id uuid, audience text)
language sql stable security definer set search_path = pg_catalog, public
as $$ select organisation_id, audience from identity_providers where issuer = wanted $$;

create function find_bearer(wanted text) returns table (organisation_id uuid, kind text)
language sql stable security definer set search_path = pg_catalog, public
as $$ select organisation_id, 'session' from session_bearers where bearer_hash = wanted
      union all select organisation_id, 'static' from credentials where bearer_hash = wanted $$;

create function find_introspection_client(wanted uuid) returns table (organisation_id uuid, introspection_hash text)
language sql stable security definer set search_path = pg_catalog, public
as $$ select organisation_id, introspection_hash from mcp_servers where id = wanted and removed_at is null $$;

create function find_stream_ticket(wanted text) returns table (organisation_id uuid)
language sql stable security definer set search_path = pg_catalog, public
as $$ select organisation_id from stream_tickets where ticket_hash = wanted $$;

create function find_dev_user(wanted text) returns table (organisation_id uuid, user_id uuid)
language sql stable security definer set search_path = pg_catalog, public
as $$ select organisation_id, id from users where email = lower(wanted) $$;

create function list_organisations() returns table (organisation_id uuid)
language sql stable security definer set search_path = pg_catalog, public
as $$ select id from organisations order by id $$;

-- What a sweep must pick up: intents nobody started, decisions and expiries nobody acted on. What has waited for long is picked up only
-- now and then: a workflow that cannot go on must not be signalled every second until its history is full.
create function sweep_due(since timestamptz, older_than interval) returns boolean language sql volatile
as $$ select since < clock_timestamp() - older_than
         and (since > clock_timestamp() - interval '15 seconds' or random() < 0.05) $$;

create function stale_operations(older_than interval, at_most integer)
returns table (organisation_id uuid, id text, name text)
language sql volatile security definer set search_path = pg_catalog, public
as $$ select organisation_id, id, name from operations
       where status = 'received' and sweep_due(created_at, older_than) order by created_at limit at_most $$;

create function unconsumed_decisions(older_than interval, at_most integer)
returns table (organisation_id uuid, id text, workflow_id text)
language sql volatile security definer set search_path = pg_catalog, public
as $$ select organisation_id, id, workflow_id from approval_requests
       where consumed_at is null and sweep_due(coalesce(decided_at, expires_at), older_than) order by decided_at limit at_most $$;

create function unreconciled_agents(older_than interval, at_most integer)
returns table (organisation_id uuid, id uuid)
language sql volatile security definer set search_path = pg_catalog, public
as $$ select organisation_id, id from agents
       where sync_state = 'pending' and archived_at is null and sweep_due(updated_at, older_than) limit at_most $$;

create function unattended_sessions(older_than interval, at_most integer)
returns table (organisation_id uuid, id uuid)
language sql volatile security definer set search_path = pg_catalog, public
as $$ select organisation_id, id from sessions
       where (status = 'starting' and sweep_due(created_at, older_than))
          or (ended_at is not null and cleaned_at is null and sweep_due(ended_at, older_than))
          -- Now and then every open one: should its workflow be gone (somebody terminated it), this starts it again.
          or (ended_at is null and random() < 0.002)
      union
      select organisation_id, session_id from session_commands
       where sent_at is null and sweep_due(created_at, older_than) limit at_most $$;

do $$
declare
  lookup text;
  target text;
begin
  foreach target in array array['identity_providers', 'session_bearers', 'credentials', 'mcp_servers', 'stream_tickets',
      'users', 'organisations', 'operations', 'approval_requests', 'agents', 'sessions', 'session_commands'] loop
    execute format('grant select on %I to powerloom_lookup', target);
    execute format('create policy lookup on %I for select to powerloom_lookup using (true)', target);
  end loop;
  foreach lookup in array array['find_identity_providers(text)', 'find_bearer(text)', 'find_introspection_client(uuid)',
      'find_stream_ticket(text)', 'find_dev_user(text)', 'list_organisations()', 'stale_operations(interval, integer)',
      'unconsumed_decisions(interval, integer)', 'unreconciled_agents(interval, integer)',
      'unattended_sessions(interval, integer)'] loop
    execute format('alter function %s owner to powerloom_lookup', lookup);
    execute format('revoke all on function %s from public', lookup);
    execute format('grant execute on function %s to powerloom_app', lookup);
  end loop;
end $$;
