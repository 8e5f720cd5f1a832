-- What a database needs before Vault can make logins in it for Sluice. Run it
-- once, as a superuser, in the database itself:
--
--   psql "host=db.example.net dbname=shop user=postgres" -f prepare.sql
--
-- It asks for a first password of shop_vault at the end. Vault gets to know it
-- from ./setup, and replaces it with one that nobody knows.
\set ON_ERROR_STOP on
BEGIN;

-- What sessions work as. They are groups: nobody logs in with them, and what
-- is created belongs to them and not to a login that is gone tomorrow. Grant
-- here what each purpose needs.
CREATE ROLE shop_read NOLOGIN;
CREATE ROLE shop_copy_out NOLOGIN;
CREATE ROLE shop_owner NOLOGIN;

-- Before PostgreSQL 15 everybody may create in the schema public.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO shop_read, shop_copy_out;
GRANT USAGE, CREATE ON SCHEMA public TO shop_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO shop_read, shop_copy_out;

-- Tables that a migration makes can be read, too. Those that are there already
-- have to belong to shop_owner before a migration can change them: run
-- REASSIGN OWNED BY whoever owns them TO shop_owner, if that is one role that
-- owns nothing else.
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public
    GRANT SELECT ON TABLES TO shop_read, shop_copy_out;

-- What Sluice itself works as when it looks up in the catalog what names mean. It
-- may do nothing else: everybody may read catalogs, and it is granted nothing.
CREATE ROLE shop_catalog NOLOGIN;

-- Who makes and ends the logins: Vault. It may pass on membership in these
-- groups, and end the sessions of a login before it drops it. The login that
-- Sluice ends sessions with gets pg_signal_backend from it.
CREATE ROLE shop_vault LOGIN CREATEROLE;
GRANT shop_read, shop_copy_out, shop_owner, shop_catalog, pg_signal_backend TO shop_vault WITH ADMIN OPTION;

COMMIT;
\password shop_vault
