-- Whether a session was opened by more than one attempt: when it ends, all that the provider holds for it is looked for.
alter table sessions add column may_be_twice boolean not null default false;
