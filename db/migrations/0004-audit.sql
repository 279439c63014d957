-- Append-only: owned by a role nobody logs in as, written only through audit_append, guarded by triggers besides.
create table control_plane_audit (
  organisation_id uuid not null,
  position bigint not null check (position > 0),
  at timestamptz not null,
  at_text text not null,
  body text not null,
  previous text not null,
  hash text not null,
  -- For searching. Generated, so that it cannot say anything else than what was hashed; one column, because each costs a
  -- parse of the body while the chain's lock is held.
  entry jsonb not null generated always as (body::jsonb) stored,
  primary key (organisation_id, position)
);
create index control_plane_audit_target on control_plane_audit (organisation_id, (entry ->> 'target'));
create index control_plane_audit_session on control_plane_audit (organisation_id, (entry ->> 'delegated_from_session'))
  where entry ->> 'delegated_from_session' is not null;

create table audit_heads (
  organisation_id uuid primary key references organisations,
  position bigint not null,
  hash text not null,
  -- Who appended last: the guard against a second entry in one transaction, out of the application's reach.
  transaction_id xid8 not null
);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'control_plane_audit is append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end $$;
create trigger append_only before update or delete on control_plane_audit
  for each row execute function refuse_audit_change();
create trigger append_only_truncate before truncate on control_plane_audit
  for each statement execute function refuse_audit_change();

-- Appends one entry, as the last statement of the transaction that has the effect. At most one per transaction: a second
-- would mean two effects under one commit. The time is taken under the lock: now() would run backwards along the chain.
create function audit_append(body text) returns bigint
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  organisation uuid := current_organisation();
  head audit_heads;
  appended_at timestamptz;
  at_text text;
  next_position bigint;
  form text;
  next_hash text;
begin
  if organisation is null then raise exception 'audit_append outside an organisation'; end if;
  select * into head from audit_heads where organisation_id = organisation for update;
  if not found then
    insert into audit_heads values (organisation, 0, repeat('0', 64), '0') on conflict do nothing;
    select * into strict head from audit_heads where organisation_id = organisation for update;
  end if;
  if head.transaction_id = pg_current_xact_id() then
    raise exception 'a transaction appends one audit entry, not two';
  end if;
  next_position := head.position + 1;
  appended_at := clock_timestamp();
  at_text := to_char(appended_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  form := format('{"at":"%s","body":%s,"organisation":"%s","position":%s,"previous":"%s","v":1}',
                 at_text, body, organisation, next_position, head.hash);
  next_hash := encode(sha256(convert_to(form, 'UTF8')), 'hex');
  insert into control_plane_audit (organisation_id, position, at, at_text, body, previous, hash)
  values (organisation, next_position, appended_at, at_text, body, head.hash, next_hash);
  update audit_heads set position = next_position, hash = next_hash, transaction_id = pg_current_xact_id()
   where organisation_id = organisation;
  return next_position;
end $$;

alter table control_plane_audit enable row level security;
alter table control_plane_audit force row level security;
create policy tenant on control_plane_audit using (organisation_id = current_organisation())
  with check (organisation_id = current_organisation());
alter table audit_heads enable row level security;
alter table audit_heads force row level security;
create policy tenant on audit_heads using (organisation_id = current_organisation())
  with check (organisation_id = current_organisation());
grant select on control_plane_audit, audit_heads to powerloom_app;
grant references, select on organisations to powerloom_audit;
alter table control_plane_audit owner to powerloom_audit;
alter table audit_heads owner to powerloom_audit;
alter function audit_append(text) owner to powerloom_audit;
revoke all on function audit_append(text) from public;
grant execute on function audit_append(text) to powerloom_app;

-- What happens without a valid token belongs to no organisation. Insert only.
create table security_events (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  kind text not null,
  detail jsonb not null
);
grant insert on security_events to powerloom_app;
