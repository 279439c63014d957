-- What lists are narrowed by. Equality of uuids and texts is leakproof: below row-level security these indexes are used.
create index agents_owner on agents (organisation_id, owner_id);
create index agent_mcp_servers_server on agent_mcp_servers (organisation_id, mcp_server_id);
create index bindings_role on bindings (organisation_id, role);
create index operations_about on operations (organisation_id, target_id, target_type);
create index operations_requester on operations (organisation_id, sub, id);
create index approval_requests_status on approval_requests (organisation_id, status, id);
create index approval_requests_requester on approval_requests (organisation_id, requester_id, id);
create index approval_votes_voter on approval_votes (organisation_id, principal_id);
create index sessions_invoker on sessions (organisation_id, invoker_id, id);
create index sessions_agent on sessions (organisation_id, agent_id, id);
create index agent_runs_roots on agent_runs (organisation_id, id) where parent_run_id is null;
create index agent_runs_requester on agent_runs (organisation_id, requester_id, id);
create index control_plane_audit_at on control_plane_audit (organisation_id, at);

-- What whoever asked whether the chain is intact was told. Append-only by grants.
create table audit_verdicts (
  organisation_id uuid not null references organisations,
  id bigint generated always as identity,
  at timestamptz not null default clock_timestamp(),
  by uuid not null,
  entries bigint not null check (entries >= 0),
  intact boolean not null,
  -- The first broken position and why, or the hash of the last entry.
  position bigint,
  reason text,
  head text,
  primary key (organisation_id, id),
  check (intact = (reason is null)),
  check (intact = (head is not null)),
  foreign key (organisation_id, by) references users (organisation_id, id)
);
call govern_table('audit_verdicts', 'select, insert');

-- The last foreign edit the reconciler found at the provider, and put back.
alter table agents add column drift jsonb;

-- Whose own an event is: they may read it besides those with the permission at its OU.
alter table change_events add column principal_id uuid;
