-- Where an agent is, it stays; its sessions are looked for by it.
alter table sessions add column if not exists ou_id uuid;
--> statement-breakpoint
create or replace function session_ou() returns trigger language plpgsql as $$
begin
  select ou_id into new.ou_id from agents where organisation_id = new.organisation_id and id = new.agent_id;
  return new;
end $$;
--> statement-breakpoint
create or replace trigger session_ou before insert on sessions for each row execute function session_ou();
--> statement-breakpoint
-- Row-level security is forced on the owner too: for as long as this takes, not.
drop policy if exists filling on sessions;
--> statement-breakpoint
create policy filling on sessions to powerloom_owner using (true) with check (true);
--> statement-breakpoint
drop policy if exists filling on agents;
--> statement-breakpoint
create policy filling on agents for select to powerloom_owner using (true);
--> statement-breakpoint
--> repeat
update sessions s set ou_id = a.ou_id from agents a
 where a.organisation_id = s.organisation_id and a.id = s.agent_id and (s.organisation_id, s.id) in (
   select organisation_id, id from sessions where ou_id is null limit 5000);
--> statement-breakpoint
drop policy filling on sessions;
--> statement-breakpoint
drop policy filling on agents;
--> statement-breakpoint
-- For those who see some OUs only: the next rows of each, in the order of pages.
create index concurrently if not exists agents_of_ou on agents (organisation_id, ou_id, id) where deleted_at is null;
--> statement-breakpoint
create index concurrently if not exists users_of_ou on users (organisation_id, home_ou_id, id);
--> statement-breakpoint
create index concurrently if not exists bindings_of_ou on bindings (organisation_id, ou_id, id);
--> statement-breakpoint
create index concurrently if not exists sessions_of_ou on sessions (organisation_id, ou_id, id);
--> statement-breakpoint
create index concurrently if not exists agent_runs_of_ou on agent_runs (organisation_id, ou_id, id) where parent_run_id is null;
--> statement-breakpoint
create index concurrently if not exists operations_of_ou on operations (organisation_id, ou_id, id);
--> statement-breakpoint
create index concurrently if not exists approval_requests_of_ou on approval_requests (organisation_id, ou_id, id);
--> statement-breakpoint
create index concurrently if not exists approval_requests_waiting_at on approval_requests (organisation_id, ou_id, id)
  where status = 'pending';
--> statement-breakpoint
-- They are about several OUs: few are.
create index concurrently if not exists approval_requests_elsewhere on approval_requests (organisation_id, id) where also_at is not null;
--> statement-breakpoint
-- What counts of requests are told from, besides tallies.
create index concurrently if not exists approval_requests_ending on approval_requests (organisation_id, expires_at)
  where status = 'pending';
--> statement-breakpoint
create index concurrently if not exists approval_requests_asked_by on approval_requests (organisation_id, requester_id)
  where status = 'pending';
--> statement-breakpoint
create index concurrently if not exists approval_votes_of on approval_votes (organisation_id, principal_id, request_id);
--> statement-breakpoint
drop index concurrently if exists approval_votes_voter;
--> statement-breakpoint
-- What has been decided and is not done yet: few, however much waits.
create index concurrently if not exists approval_requests_decided on approval_requests (decided_at)
  where consumed_at is null and decided_at is not null;
