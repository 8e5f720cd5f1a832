-- What a database that copies are carried to needs, before Vault can make logins
-- in it for Sluice. Run it once, as a superuser, in the database itself, after
-- what `sluice destination setup --print` prints:
--
--   psql "host=db-copy.example.net dbname=copies user=postgres" -f prepare-copies.sql
--
-- It asks for a first password of copies_vault at the end. Vault gets to know it
-- from ./setup --copies, and replaces it with one that nobody knows.
\set ON_ERROR_STOP on
BEGIN;

-- Who makes and ends the logins: Vault. It may pass on membership in three of the
-- four groups that are there for Sluice, and never in sluice_owner: a login owns no
-- copy. The login that Sluice ends sessions with gets pg_signal_backend from it.
CREATE ROLE copies_vault LOGIN CREATEROLE;
GRANT sluice_probe, sluice_carrier, sluice_reactor, pg_signal_backend TO copies_vault WITH ADMIN OPTION;

-- From PostgreSQL 16 on passing on is all that it may: it is no carrier itself.
SELECT current_setting('server_version_num')::int >= 160000 AS passing \gset
\if :passing
GRANT sluice_probe, sluice_carrier, sluice_reactor, pg_signal_backend TO copies_vault WITH INHERIT FALSE, SET FALSE;
\endif

COMMIT;
\password copies_vault
