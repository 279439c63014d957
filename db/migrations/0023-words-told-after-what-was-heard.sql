-- Where a session's events were when somebody said something to it: when its sending is of unknown outcome and it is looked for at
-- the provider, what was heard before is not taken for it, though it may say the same.
alter table session_commands add column after_position integer;
