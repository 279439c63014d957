-- Database roles. Nobody but the migrator logs in as an owner; the two login roles own nothing and bypass nothing.
do $$
declare
  wanted text;
begin
  -- Several processes may start at once. The lock is one database's alone; roles are the whole cluster's, so two databases
  -- migrated at the same moment may still meet here: the migrator tries again.
  perform pg_advisory_xact_lock(7240517);
  foreach wanted in array array['powerloom_owner', 'powerloom_audit', 'powerloom_lookup'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I nologin nosuperuser nobypassrls', wanted);
    end if;
    execute format('grant %I to current_user', wanted);
  end loop;
  foreach wanted in array array['powerloom_app', 'powerloom_issuer'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I login nosuperuser nobypassrls nocreatedb nocreaterole', wanted);
    end if;
  end loop;
  -- The owner hands two tables and the look-up functions over to these.
  grant powerloom_audit, powerloom_lookup to powerloom_owner;
  execute format('grant create, connect on database %I to powerloom_owner', current_database());
  execute format('grant connect on database %I to powerloom_app, powerloom_issuer', current_database());
  revoke create on schema public from public;
  grant usage, create on schema public to powerloom_owner;
  grant usage, create on schema public to powerloom_audit, powerloom_lookup;
  grant usage on schema public to powerloom_app, powerloom_issuer;
end $$;
