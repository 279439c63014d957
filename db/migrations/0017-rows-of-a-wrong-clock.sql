-- What is from the future was written under a clock that was wrong, and is not left until that time has come.
create or replace function sweep_due(since timestamptz, older_than interval) returns boolean language sql volatile
as $$ select (since < clock_timestamp() - older_than
              and (since > clock_timestamp() - interval '15 seconds'
                   or random() < greatest(0.05, 15 / extract(epoch from clock_timestamp() - since))))
             or since > clock_timestamp() + interval '15 seconds' $$;

-- Of what waits, its end lies in the future by right. Each part by an index: what waits is not read.
create or replace function unconsumed_decisions(older_than interval, at_most integer)
returns table (organisation_id uuid, id text, workflow_id text)
language sql volatile security definer set search_path = pg_catalog, public
as $$ select * from (
        select organisation_id, id, workflow_id from approval_requests
         where consumed_at is null and decided_at is not null and sweep_due(decided_at, older_than)
        union all
        select organisation_id, id, workflow_id from approval_requests
         where consumed_at is null and decided_at is null and coalesce(decided_at, expires_at) < now()
           and sweep_due(expires_at, older_than)) due
       limit at_most $$;

create or replace function begun_runs(older_than interval, at_most integer)
returns table (organisation_id uuid, id uuid)
language sql volatile security definer set search_path = pg_catalog, public
as $$ select organisation_id, id from agent_runs r
       where completed_at is null and status <> 'received'
         and (started_at < clock_timestamp() - older_than or started_at > clock_timestamp() + interval '15 seconds')
         and not exists (select from agent_runs c
               where c.organisation_id = r.organisation_id and c.root_run_id = r.root_run_id and c.parent_run_id = r.id
                 and c.completed_at is null and c.status <> 'received')
       order by random() limit at_most $$;
