-- What a request asks for, short enough to compare and to count by; and the other OUs it is about, null when there are none.
alter table approval_requests
  add column requirements_digest text not null generated always as (md5(requirements::text)) stored,
  add column also_at jsonb generated always as (nullif(jsonb_path_query_array(requirements, '$[*].alsoAt[*]'), '[]')) stored;
create index approval_requests_asking on approval_requests (organisation_id, requirements_digest, ou_id) where status = 'pending';
