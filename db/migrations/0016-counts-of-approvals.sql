-- How many requests there are of each kind, told without reading them. Each change adds a row that says by how much, so that
-- nobody waits for anybody else's; rows of one kind are added up when somebody has looked at many.
create table approval_tallies (
  organisation_id uuid not null references organisations,
  status text not null,
  kind text not null,
  operation text not null,
  -- Of what waits only: what is asked for.
  requirements_digest text,
  change bigint not null
);
create index approval_tallies_organisation on approval_tallies (organisation_id);
call govern_table('approval_tallies', 'select, insert, delete');

create function tally_approval() returns trigger language plpgsql as $$
begin
  insert into approval_tallies
  values (new.organisation_id, new.status, new.kind, new.operation,
          case new.status when 'pending' then new.requirements_digest end, 1);
  if tg_op = 'UPDATE' then
    insert into approval_tallies
    values (old.organisation_id, old.status, old.kind, old.operation,
            case old.status when 'pending' then old.requirements_digest end, -1);
  end if;
  return null;
end $$;
create trigger tally_new after insert on approval_requests for each row execute function tally_approval();
create trigger tally_changed after update of status on approval_requests for each row
  when (old.status is distinct from new.status) execute function tally_approval();

-- What is there already, of all organisations; nobody adds to it meanwhile, for the triggers' lock is held.
grant insert on approval_tallies to powerloom_lookup;
create policy filling on approval_tallies for insert to powerloom_lookup with check (true);
set local role powerloom_lookup;
insert into approval_tallies
select organisation_id, status, kind, operation, case status when 'pending' then requirements_digest end, count(*)
  from approval_requests group by 1, 2, 3, 4, 5;
set local role powerloom_owner;
drop policy filling on approval_tallies;
revoke insert on approval_tallies from powerloom_lookup;
