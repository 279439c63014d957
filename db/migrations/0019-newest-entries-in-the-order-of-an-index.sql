-- Positions of the newest entries of which each named field says what is given; targets: one of them. Planned anew each time,
-- for what is rare and what is not are looked for in different ways. Below row-level security the planner does not see that a
-- field which is equal to something is in order already: said in the order, the index that has this field and then the
-- position gives the newest entries without reading those in between.
create or replace function audit_positions(fields jsonb, targets text[], before bigint, since timestamptz, until timestamptz,
  at_most integer) returns setof bigint
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  conditions text := '';
  first text := '';
  field text;
begin
  foreach field in array array['act', 'sub', 'operation', 'outcome', 'delegated_from_session'] loop
    if fields ? field then
      conditions := conditions || format(' and entry ->> %L = %L', field, fields ->> field);
      if first = '' and field <> 'delegated_from_session' then first := format('entry ->> %L desc, ', field); end if;
    end if;
  end loop;
  if targets is not null then conditions := conditions || ' and entry ->> ''target'' = any ($1)'; end if;
  if before is not null then conditions := conditions || ' and position < $2'; end if;
  if since is not null then conditions := conditions || ' and at >= $3'; end if;
  if until is not null then conditions := conditions || ' and at < $4'; end if;
  return query execute format('select position from control_plane_audit where organisation_id = %L::uuid%s
    order by %sposition desc limit $5', current_organisation(), conditions, first) using targets, before, since, until, at_most;
end $$;
