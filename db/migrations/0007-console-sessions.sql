-- Sign-ins of browsers. The token is in a cookie, here is its hash: whoever reads this table can sign in as nobody.
create table console_sessions (
  organisation_id uuid not null references organisations,
  token_hash text not null unique,
  user_id uuid not null,
  method text not null check (method in ('dev', 'oidc')),
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  end_reason text,
  primary key (organisation_id, token_hash),
  check (expires_at > created_at),
  check ((ended_at is null) = (end_reason is null)),
  foreign key (organisation_id, user_id) references users (organisation_id, id)
);
call govern_table('console_sessions', 'select, insert, update');

-- The sign-in a ticket was asked for with, when it was one: the stream ends with it.
alter table stream_tickets
  add column console_session text,
  add foreign key (organisation_id, console_session) references console_sessions (organisation_id, token_hash);

-- Null: a public client, which proves itself by PKCE alone.
alter table identity_providers add column sealed_client_secret text;

create function find_console_session(wanted text) returns table (organisation_id uuid)
language sql stable security definer set search_path = pg_catalog, public
as $$ select organisation_id from console_sessions where token_hash = wanted $$;

create function find_organisation(wanted text) returns table (organisation_id uuid)
language sql stable security definer set search_path = pg_catalog, public
as $$ select id from organisations where name = wanted $$;

-- At most two: enough to know whether it is the only one.
create function organisations_with_provider() returns table (organisation_id uuid)
language sql stable security definer set search_path = pg_catalog, public
as $$ select distinct organisation_id from identity_providers limit 2 $$;

-- Whom one may sign in as in dev mode, the first ones first.
create function list_dev_users(at_most integer) returns table (organisation_id uuid, user_id uuid)
language sql stable security definer set search_path = pg_catalog, public
as $$ select organisation_id, id from users where status = 'active' order by created_at, id limit at_most $$;

grant select on console_sessions to powerloom_lookup;
create policy lookup on console_sessions for select to powerloom_lookup using (true);

do $$
declare
  lookup text;
begin
  foreach lookup in array array['find_console_session(text)', 'find_organisation(text)', 'organisations_with_provider()',
      'list_dev_users(integer)'] loop
    execute format('alter function %s owner to powerloom_lookup', lookup);
    execute format('revoke all on function %s from public', lookup);
    execute format('grant execute on function %s to powerloom_app', lookup);
  end loop;
end $$;
