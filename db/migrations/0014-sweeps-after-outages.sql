-- Who waits for longer than an outage lasts is looked at seldom, so that what cannot succeed costs little. Waiting as long as
-- the outage did, on average, was too seldom for what came during it: the chance now falls with the age.
create or replace function sweep_due(since timestamptz, older_than interval) returns boolean language sql volatile
as $$ select since < clock_timestamp() - older_than
         and (since > clock_timestamp() - interval '15 seconds'
              or random() < greatest(0.05, 15 / extract(epoch from clock_timestamp() - since))) $$;
