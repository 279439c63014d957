-- The same as `approval_tallies`, for each OU: for whoever sees some of them. A table of its own, since a version of the API
-- that knows nothing of OUs adds up whatever the other one holds.
create table approval_ou_tallies (
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  status text not null,
  kind text not null,
  operation text not null,
  change bigint not null,
  foreign key (organisation_id, ou_id) references ous (organisation_id, id)
);
create index approval_ou_tallies_of_ou on approval_ou_tallies (organisation_id, ou_id);
call govern_table('approval_ou_tallies', 'select, insert, delete');

-- Nobody adds to what is counted below until the trigger does.
lock table approval_requests in share row exclusive mode;
create or replace function tally_approval() returns trigger language plpgsql as $$
begin
  insert into approval_tallies
  values (new.organisation_id, new.status, new.kind, new.operation,
          case new.status when 'pending' then new.requirements_digest end, 1);
  insert into approval_ou_tallies values (new.organisation_id, new.ou_id, new.status, new.kind, new.operation, 1);
  if tg_op = 'UPDATE' then
    insert into approval_tallies
    values (old.organisation_id, old.status, old.kind, old.operation,
            case old.status when 'pending' then old.requirements_digest end, -1);
    insert into approval_ou_tallies values (old.organisation_id, old.ou_id, old.status, old.kind, old.operation, -1);
  end if;
  return null;
end $$;

grant insert on approval_ou_tallies to powerloom_lookup;
create policy filling on approval_ou_tallies for insert to powerloom_lookup with check (true);
set local role powerloom_lookup;
insert into approval_ou_tallies
select organisation_id, ou_id, status, kind, operation, count(*) from approval_requests group by 1, 2, 3, 4, 5;
set local role powerloom_owner;
drop policy filling on approval_ou_tallies;
revoke insert on approval_ou_tallies from powerloom_lookup;
