-- Until when an agent is looked for that is at the provider twice: a creation whose answer never came may be carried out after
-- its agent has been looked for, and created once more.
alter table agents add column if not exists twins_until timestamptz;
--> statement-breakpoint
create index concurrently if not exists agents_twins on agents (organisation_id, checked_at) where twins_until is not null;
