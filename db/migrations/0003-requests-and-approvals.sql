create table approval_policies (
  id uuid not null,
  organisation_id uuid not null references organisations,
  ou_id uuid not null,
  name text not null check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  operations text[] not null check (cardinality(operations) > 0),
  approver_role text not null references roles,
  approvals_needed integer not null check (approvals_needed between 1 and 10),
  expires_after_seconds integer not null check (expires_after_seconds between 1 and 7776000),
  enabled boolean not null default true,
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, id),
  unique (organisation_id, ou_id, name),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id)
);
call govern_table('approval_policies', 'select, insert, update');

-- An operation is the intent of one governed mutation, from the request to its outcome. `input` never holds a secret.
create table operations (
  id text not null,
  organisation_id uuid not null references organisations,
  name text not null,
  sub uuid not null,
  act text not null default '',
  sid text not null default '',
  idempotency_key text,
  key_expires_at timestamptz not null,
  body_digest text not null,
  input jsonb not null,
  if_match integer,
  status text not null default 'received'
    check (status in ('received', 'applied', 'pending_approval', 'refused', 'denied', 'expired', 'cancelled')),
  ou_id uuid,
  target_type text,
  target_id text,
  diff jsonb,
  result jsonb,
  problem jsonb,
  reason text,
  -- Revealed once to the person who asked, then gone.
  sealed_secret text,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  finished_at timestamptz,
  primary key (organisation_id, id),
  check ((status in ('received', 'pending_approval')) = (finished_at is null)),
  unique (organisation_id, sub, act, sid, idempotency_key),
  foreign key (organisation_id, sub) references users (organisation_id, id)
);
create index operations_received on operations (created_at) where status = 'received';
create index operations_target on operations (organisation_id, target_id) where idempotency_key is not null;
create index operations_recent on operations (organisation_id, created_at desc);
call govern_table('operations', 'select, insert, update');

create table approval_requests (
  id text not null,
  organisation_id uuid not null references organisations,
  kind text not null check (kind in ('operation', 'tool_call')),
  session_id uuid,
  operation text not null,
  ou_id uuid not null,
  requester_id uuid not null,
  act text not null default '',
  requirements jsonb not null,
  digest text not null,
  diff jsonb not null,
  status text not null default 'pending'
    check (status in ('pending', 'approved', 'denied', 'expired', 'cancelled', 'applied', 'refused')),
  reason text,
  workflow_id text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  decided_at timestamptz,
  consumed_at timestamptz,
  primary key (organisation_id, id),
  check ((status = 'pending') = (decided_at is null)),
  foreign key (organisation_id, ou_id) references ous (organisation_id, id),
  foreign key (organisation_id, requester_id) references users (organisation_id, id)
);
create index approval_requests_open on approval_requests (organisation_id, created_at) where status = 'pending';
create index approval_requests_unconsumed on approval_requests (coalesce(decided_at, expires_at)) where consumed_at is null;
call govern_table('approval_requests', 'select, insert, update');

create table approval_votes (
  organisation_id uuid not null references organisations,
  request_id text not null,
  principal_id uuid not null,
  decision text not null check (decision in ('approve', 'deny')),
  roles text[] not null,
  digest text not null,
  reason text,
  at timestamptz not null default clock_timestamp(),
  primary key (organisation_id, request_id, principal_id),
  foreign key (organisation_id, request_id) references approval_requests (organisation_id, id),
  foreign key (organisation_id, principal_id) references users (organisation_id, id)
);
call govern_table('approval_votes', 'select, insert');
