-- Below row-level security the index over `ancestors` is not used, and all OUs were looked at for those below one.
create index concurrently if not exists ous_children on ous (organisation_id, parent_id);
