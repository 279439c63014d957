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
