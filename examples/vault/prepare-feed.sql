-- What a database needs, beside prepare.sql, before Vault can make logins that
-- follow changes (logical replication). Run it once, as a superuser, in the
-- database itself, and only if somebody is to follow changes:
--
--   psql "host=db.example.net dbname=shop user=postgres" -f prepare-feed.sql
--
-- Before PostgreSQL 16 only a superuser may give a login the attribute
-- REPLICATION, and from 16 on only who has it. Vault's login has neither: it has
-- a function that does this one thing to logins that Vault has made for it.
--
-- A login with REPLICATION could also copy the whole server. Sluice lets no such
-- connection through; let pg_hba.conf admit none for "replication" from where
-- Vault and Sluice are.
\set ON_ERROR_STOP on
BEGIN;

-- What such sessions may do beside following: grant it SELECT on what is read
-- before the first change. Changes themselves need no grant.
CREATE ROLE shop_feed NOLOGIN;
GRANT USAGE ON SCHEMA public TO shop_feed;
GRANT shop_feed TO shop_vault WITH ADMIN OPTION;

CREATE SCHEMA sluice_feed;
GRANT USAGE ON SCHEMA sluice_feed TO shop_vault;

-- Lets a login follow changes until then, or with NULL not any more. Whoever is
-- no login of Vault's in shop_feed stays as it is.
CREATE FUNCTION sluice_feed.lease(login name, until timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$lease$
BEGIN
    IF EXISTS (
        SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
        WHERE g.rolname = 'shop_feed' AND r.rolname = login AND r.rolname LIKE 'sluice\_%'
            AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls)
    ) THEN
        IF until IS NULL THEN
            EXECUTE format('ALTER ROLE %I NOREPLICATION', login);
        ELSE
            EXECUTE format('ALTER ROLE %I REPLICATION VALID UNTIL %L', login, until);
        END IF;
    ELSIF until IS NOT NULL THEN
        RAISE EXCEPTION '% is no login that may follow changes', login;
    END IF;
END
$lease$;
REVOKE ALL ON FUNCTION sluice_feed.lease(name, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sluice_feed.lease(name, timestamptz) TO shop_vault;

COMMIT;
