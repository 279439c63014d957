-- Whatever OU they are in.
create index concurrently if not exists agents_named on agents (organisation_id, name) where deleted_at is null;
--> statement-breakpoint
-- What the audit trail is narrowed by. Below row-level security no index over an expression that reads jsonb is used; the
-- function at the end looks past it, inside the one organisation, with the same condition written out.
create index concurrently if not exists control_plane_audit_sub
  on control_plane_audit (organisation_id, (entry ->> 'sub'), position);
--> statement-breakpoint
create index concurrently if not exists control_plane_audit_operation
  on control_plane_audit (organisation_id, (entry ->> 'operation'), position);
--> statement-breakpoint
create index concurrently if not exists control_plane_audit_outcome
  on control_plane_audit (organisation_id, (entry ->> 'outcome'), position);
--> statement-breakpoint
create index concurrently if not exists control_plane_audit_act
  on control_plane_audit (organisation_id, (entry ->> 'act'), position) where entry ->> 'act' is not null;
--> statement-breakpoint
grant select on control_plane_audit to powerloom_lookup;
--> statement-breakpoint
drop policy if exists lookup on control_plane_audit;
--> statement-breakpoint
create policy lookup on control_plane_audit for select to powerloom_lookup using (true);
--> statement-breakpoint
-- Positions of the newest entries of which each named field says what is given; targets: one of them. Planned anew each time,
-- for what is rare and what is not are looked for in different ways.
create or replace function audit_positions(fields jsonb, targets text[], before bigint, since timestamptz, until timestamptz,
  at_most integer) returns setof bigint
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  conditions text := '';
  field text;
begin
  foreach field in array array['sub', 'operation', 'outcome', 'act', 'delegated_from_session'] loop
    if fields ? field then
      conditions := conditions || format(' and entry ->> %L = %L', field, fields ->> field);
    end if;
  end loop;
  if targets is not null then conditions := conditions || ' and entry ->> ''target'' = any ($1)'; end if;
  if before is not null then conditions := conditions || ' and position < $2'; end if;
  if since is not null then conditions := conditions || ' and at >= $3'; end if;
  if until is not null then conditions := conditions || ' and at < $4'; end if;
  return query execute format('select position from control_plane_audit where organisation_id = %L::uuid%s
    order by position desc limit $5', current_organisation(), conditions) using targets, before, since, until, at_most;
end $$;
--> statement-breakpoint
alter function audit_positions(jsonb, text[], bigint, timestamptz, timestamptz, integer) owner to powerloom_lookup;
--> statement-breakpoint
revoke all on function audit_positions(jsonb, text[], bigint, timestamptz, timestamptz, integer) from public;
--> statement-breakpoint
grant execute on function audit_positions(jsonb, text[], bigint, timestamptz, timestamptz, integer) to powerloom_app;
