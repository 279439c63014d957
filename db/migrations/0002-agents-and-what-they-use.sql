create table skills (
  id uuid not null,
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  name text not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  description text not null,
  latest_version integer not null default 1 check (latest_version > 0),
  cma_skill_id text,
  -- Leased by whoever uploads a version: the provider offers no idempotency key.
  uploading_until timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  unique (organisation_id, ou_id, name),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id)
);
call govern_table('skills', 'select, insert, update');

create table skill_versions (
  organisation_id uuid not null references organisations,
  skill_id uuid not null,
  version integer not null check (version > 0),
  content text not null,
  cma_version text,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, skill_id, version),
  foreign key (organisation_id, skill_id) references skills (organisation_id, id)
);
call govern_table('skill_versions', 'select, insert, update');

create table mcp_servers (
  id uuid not null,
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  name text not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  display_name text not null,
  description text not null,
  url text not null,
  deployment text not null check (deployment in ('external', 'shared')),
  health text not null default 'unknown' check (health in ('unknown', 'healthy', 'unhealthy')),
  introspection_hash text not null,
  removed_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id)
);
create unique index mcp_servers_name on mcp_servers (organisation_id, ou_id, name) where removed_at is null;
call govern_table('mcp_servers', 'select, insert, update');

create table agents (
  id uuid not null,
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  name text not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  display_name text not null,
  description text not null,
  owner_id uuid not null,
  kind text not null check (kind in ('user', 'service')),
  model text not null,
  system_prompt text not null,
  generation integer not null default 1 check (generation > 0),
  synced_generation integer not null default 0 check (synced_generation between 0 and generation),
  sync_state text not null default 'pending' check (sync_state in ('pending', 'synced', 'error')),
  sync_error jsonb,
  sync_attempts integer not null default 0,
  cma_agent_id text,
  cma_agent_version integer,
  -- Written before the provider is asked to create: where a search for an unrecorded creation starts.
  create_intended_at timestamptz,
  checked_at timestamptz,
  deleted_at timestamptz,
  archived_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id),
  foreign key (organisation_id, owner_id) references users (organisation_id, id)
);
create unique index agents_name on agents (organisation_id, ou_id, name) where deleted_at is null;
create index agents_unsynced on agents (organisation_id) where sync_state <> 'synced';
call govern_table('agents', 'select, insert, update');

create table agent_skills (
  organisation_id uuid not null references organisations,
  agent_id uuid not null,
  skill_id uuid not null,
  version integer not null,
  primary key (organisation_id, agent_id, skill_id),
  foreign key (organisation_id, agent_id) references agents (organisation_id, id),
  foreign key (organisation_id, skill_id, version) references skill_versions (organisation_id, skill_id, version)
);
call govern_table('agent_skills', 'select, insert, update, delete');

create table agent_mcp_servers (
  organisation_id uuid not null references organisations,
  agent_id uuid not null,
  mcp_server_id uuid not null,
  permission_policy text not null default 'always_allow' check (permission_policy in ('always_allow', 'always_ask')),
  primary key (organisation_id, agent_id, mcp_server_id),
  foreign key (organisation_id, agent_id) references agents (organisation_id, id),
  foreign key (organisation_id, mcp_server_id) references mcp_servers (organisation_id, id)
);
call govern_table('agent_mcp_servers', 'select, insert, delete');

create table credentials (
  id uuid not null,
  organisation_id uuid not null references organisations,
  agent_id uuid not null,
  mcp_server_id uuid not null,
  kind text not null check (kind in ('static', 'session_bound')),
  bearer_hash text unique,
  sealed_bearer text,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_by uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  check ((kind = 'static') = (bearer_hash is not null)),
  check (revoked_at is null or sealed_bearer is null),
  foreign key (organisation_id, agent_id) references agents (organisation_id, id),
  foreign key (organisation_id, mcp_server_id) references mcp_servers (organisation_id, id)
);
create unique index credentials_active on credentials (organisation_id, agent_id, mcp_server_id) where revoked_at is null;
call govern_table('credentials', 'select, insert, update');

-- What the provider holds for an organisation as a whole.
create table provider_environments (
  organisation_id uuid primary key references organisations,
  cma_environment_id text,
  create_intended_at timestamptz not null default clock_timestamp()
);
call govern_table('provider_environments', 'select, insert, update');
