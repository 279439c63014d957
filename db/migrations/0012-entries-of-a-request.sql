-- The request an entry is about: what was approved or waits for it, else what happened by this id. A column for the same reason
-- as `trace_id`; the function has the body parsed once.
create function audited_request(entry jsonb) returns text
language sql immutable set search_path = pg_catalog
as $$ select coalesce(entry ->> 'approval_id', entry ->> 'id') $$;
alter table control_plane_audit add column request_id text generated always as (audited_request(body::jsonb)) stored;
create index control_plane_audit_request on control_plane_audit (organisation_id, request_id, position);
