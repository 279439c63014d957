-- Sign-ins that have been over for long are deleted when somebody else signs in, with the tickets that were asked for by them.
create index console_sessions_expiry on console_sessions (organisation_id, expires_at);
create index stream_tickets_console_session on stream_tickets (organisation_id, console_session)
  where console_session is not null;
alter table stream_tickets
  drop constraint stream_tickets_organisation_id_console_session_fkey,
  add foreign key (organisation_id, console_session) references console_sessions (organisation_id, token_hash)
    on delete cascade;
grant delete on console_sessions to powerloom_app;
