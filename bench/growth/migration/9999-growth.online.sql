-- What a release may bring: a column that is filled, and indexes, on tables of many rows, while others write.
alter table agents add column if not exists growth_note text;
--> statement-breakpoint
--> repeat
update agents set growth_note = md5(id::text)
 where (organisation_id, id) in (select organisation_id, id from agents where growth_note is null limit 2000);
--> statement-breakpoint
create index concurrently if not exists agents_growth_note on agents (organisation_id, growth_note);
--> statement-breakpoint
create index concurrently if not exists control_plane_audit_growth on control_plane_audit (organisation_id, hash);
