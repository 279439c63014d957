-- The migrator makes the roles that the parts run as, and owns nothing but the database: tables belong to powerloom_owner.
create role powerloom_migrator login createrole nosuperuser nobypassrls password :'migrator';
create database powerloom owner powerloom_migrator;
revoke connect on database powerloom from public;

create role temporal login nosuperuser nobypassrls password :'temporal';
create database temporal owner temporal;
create database temporal_visibility owner temporal;
revoke connect on database temporal from public;
revoke connect on database temporal_visibility from public;
