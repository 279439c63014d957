-- The roles a request asks: by name where they count at its own OU, as `role@ou` where they count at another and above it.
-- Short enough to be looked at in every row, for whoever may decide may see.
create function roles_asked(requirements jsonb) returns text[]
language sql immutable set search_path = pg_catalog
as $$ select coalesce(array_agg(distinct (q ->> 'approverRole') || coalesce('@' || ou, '')), '{}')
        from jsonb_array_elements(requirements) q left join lateral jsonb_array_elements_text(q -> 'alsoAt') ou on true $$;
alter table approval_requests
  add column asked_roles text[] not null generated always as (roles_asked(requirements)) stored;
