-- Every table of an organisation carries organisation_id, has row-level security forced, and refers to its kind by
-- (organisation_id, id): a foreign key cannot cross tenants.

create function current_organisation() returns uuid language sql stable
  as $$ select nullif(current_setting('powerloom.organisation', true), '')::uuid $$;

-- Turns on row-level security for a tenant table and gives the application the named rights on it.
create procedure govern_table(target regclass, rights text) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format('create policy tenant on %s using (organisation_id = current_organisation())
                  with check (organisation_id = current_organisation())', target);
  execute format('grant %s on %s to powerloom_app', rights, target);
end $$;

create table organisations (
  id uuid primary key,
  name text not null unique check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  display_name text not null,
  created_at timestamptz not null default clock_timestamp()
);
alter table organisations enable row level security;
alter table organisations force row level security;
create policy tenant on organisations using (id = current_organisation()) with check (id = current_organisation());
grant select, insert on organisations to powerloom_app;

create table authority_versions (
  organisation_id uuid primary key references organisations,
  version bigint not null default 1
);
call govern_table('authority_versions', 'select, insert, update');

create table identity_providers (
  organisation_id uuid not null references organisations,
  issuer text not null,
  audience text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (issuer, organisation_id)
);
call govern_table('identity_providers', 'select, insert');

create table ous (
  id uuid not null,
  organisation_id uuid not null references organisations,
  parent_id uuid,
  name text not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  display_name text not null,
  path text not null,
  -- Root first, the OU itself last: "covers the subtree" is one array test.
  ancestors uuid[] not null check (ancestors[cardinality(ancestors)] = id),
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  unique (organisation_id, path),
  foreign key (organisation_id, parent_id) references ous (organisation_id, id)
);
create index ous_ancestors on ous using gin (ancestors);
call govern_table('ous', 'select, insert, update');

create table users (
  id uuid not null,
  organisation_id uuid not null references organisations,
  email text not null check (email = lower(email) and email like '%_@_%'),
  display_name text not null,
  home_ou_id uuid not null,
  status text not null default 'active' check (status in ('active', 'suspended')),
  external_issuer text,
  external_subject text,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  unique (organisation_id, email),
  unique (organisation_id, external_issuer, external_subject),
  check ((external_issuer is null) = (external_subject is null)),
  foreign key (organisation_id, home_ou_id) references ous (organisation_id, id)
);
call govern_table('users', 'select, insert, update');

create table groups (
  id uuid not null,
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  name text not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  display_name text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  unique (organisation_id, ou_id, name),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id)
);
call govern_table('groups', 'select, insert');

create table group_members (
  organisation_id uuid not null references organisations,
  group_id uuid not null,
  member_user_id uuid,
  member_group_id uuid,
  created_at timestamptz not null default clock_timestamp(),
  check (num_nonnulls(member_user_id, member_group_id) = 1),
  check (member_group_id is distinct from group_id),
  unique nulls not distinct (organisation_id, group_id, member_user_id, member_group_id),
  foreign key (organisation_id, group_id) references groups (organisation_id, id),
  foreign key (organisation_id, member_user_id) references users (organisation_id, id),
  foreign key (organisation_id, member_group_id) references groups (organisation_id, id)
);
call govern_table('group_members', 'select, insert, delete');

-- Which groups a user is in, nested ones included: written by trigger, read by every decision.
create table user_groups (
  organisation_id uuid not null references organisations,
  user_id uuid not null,
  group_id uuid not null,
  primary key (organisation_id, user_id, group_id)
);
call govern_table('user_groups', 'select, insert, delete');

create function refresh_user_groups() returns trigger language plpgsql as $$
begin
  with recursive closure as (
    select m.member_user_id as user_id, m.group_id from group_members m
     where m.organisation_id = current_organisation() and m.member_user_id is not null
    union
    select c.user_id, m.group_id from closure c
      join group_members m on m.organisation_id = current_organisation() and m.member_group_id = c.group_id
  ), gone as (
    delete from user_groups u where u.organisation_id = current_organisation()
      and not exists (select from closure c where c.user_id = u.user_id and c.group_id = u.group_id)
  )
  insert into user_groups select current_organisation(), user_id, group_id from closure on conflict do nothing;
  return null;
end $$;
create trigger refresh_user_groups after insert or delete on group_members
  for each statement execute function refresh_user_groups();

-- Built-in roles, the same for every organisation; the migrator writes them from the code's table.
create table roles (
  name text primary key,
  description text not null,
  permissions text[] not null
);
grant select on roles to powerloom_app;

create table bindings (
  id uuid not null,
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  role text not null references roles,
  user_id uuid,
  group_id uuid,
  expires_at timestamptz,
  created_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  check (num_nonnulls(user_id, group_id) = 1),
  unique nulls not distinct (organisation_id, ou_id, role, user_id, group_id),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id),
  foreign key (organisation_id, user_id) references users (organisation_id, id),
  foreign key (organisation_id, group_id) references groups (organisation_id, id)
);
create index bindings_user on bindings (organisation_id, user_id) where user_id is not null;
create index bindings_group on bindings (organisation_id, group_id) where group_id is not null;
call govern_table('bindings', 'select, insert, delete');
