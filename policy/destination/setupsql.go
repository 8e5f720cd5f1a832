package destination

// The parts of SetupSQL. @word stands for an identifier, @@word for a literal.

const setupHead = `-- Prepares a database for copies that Sluice carries. Run it as a superuser in
-- that database; running it again does no harm. Nobody logs in as one of these
-- roles: short-lived logins are made members of them.
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
`

const setupWhere = `DO $sluice$
BEGIN
  IF current_setting('server_version_num')::int < 130000 THEN
    RAISE EXCEPTION 'sluice: PostgreSQL 13 or newer is needed, and this is %', current_setting('server_version');
  END IF;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RAISE EXCEPTION 'sluice: this has to be run by a superuser: only a superuser can let the probe see pg_hba.conf and the kinds of passwords';
  END IF;
  IF @@database <> '' AND current_database() <> @@database THEN
    RAISE EXCEPTION 'sluice: this is for the database %, and you are in %', @@database, current_database();
  END IF;
END
$sluice$;
`

const setupRoles = `-- The four groups.
DO $sluice$
DECLARE
  r text;
BEGIN
  FOREACH r IN ARRAY ARRAY[@@owner, @@probe, @@carrier, @@reactor] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      EXECUTE format('CREATE ROLE %I', r);
    ELSIF (SELECT rolsuper OR rolcanlogin FROM pg_roles WHERE rolname = r) THEN
      RAISE EXCEPTION 'sluice: there is a role % already that can log in or is a superuser; choose another name in the policy', r;
    END IF;
    EXECUTE format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT', r);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), r);
  END LOOP;
END
$sluice$;
`

const setupMemberships = `-- Who is a member of what. The carrier and the reactor look as well, since
-- everything is measured again on the connection that publishes. From 16 on a
-- membership says what it is good for.
DO $sluice$
DECLARE
  m record;
  options text;
BEGIN
  FOR m IN SELECT * FROM (VALUES
    ('pg_read_all_settings', @@probe, 'INHERIT TRUE, SET FALSE'),
    (@@probe, @@carrier, 'INHERIT TRUE, SET FALSE'),
    (@@probe, @@reactor, 'INHERIT TRUE, SET FALSE'),
    (@@owner, @@carrier, 'INHERIT FALSE, SET TRUE'),
    (@@owner, @@reactor, 'INHERIT FALSE, SET TRUE'),
    ('pg_signal_backend', @@reactor, 'INHERIT TRUE, SET FALSE')) v (groupname, member, options)
  LOOP
    options := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH ' || m.options ELSE '' END;
    EXECUTE format('GRANT %I TO %I', m.groupname, m.member) || options;
  END LOOP;
  -- Nobody may pass these on.
  FOR m IN
    SELECT g.rolname AS groupname, r.rolname AS member
    FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles r ON r.oid = a.member
    WHERE r.rolname = ANY (ARRAY[@@owner, @@probe, @@carrier, @@reactor]) AND a.admin_option
  LOOP
    EXECUTE format('REVOKE ADMIN OPTION FOR %I FROM %I', m.groupname, m.member);
  END LOOP;
  -- Whoever is the owner can read every copy.
  FOR m IN
    SELECT r.rolname AS member
    FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles r ON r.oid = a.member
    WHERE g.rolname = @@owner AND r.rolname <> ALL (ARRAY[@@carrier, @@reactor])
  LOOP
    RAISE EXCEPTION 'sluice: % is a member of %, and would be able to read every copy', m.member, @@owner
      USING HINT = 'Revoke that first.';
  END LOOP;
END
$sluice$;
`

const setupRights = `-- Copies and staging schemas are made by the owner.
DO $sluice$
BEGIN
  EXECUTE format('GRANT CREATE ON DATABASE %I TO %I', current_database(), @@owner);
END
$sluice$;
GRANT EXECUTE ON FUNCTION pg_control_system() TO @probe;
`

const setupFiles = `-- The rules by which the server lets people in, and whether they are loaded.
DO $sluice$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['pg_hba_file_rules', 'pg_ident_file_mappings', 'pg_file_settings'] LOOP
    IF to_regclass('pg_catalog.' || f) IS NOT NULL THEN
      EXECUTE format('GRANT SELECT ON pg_catalog.%I TO %I', f, @@probe);
    END IF;
  END LOOP;
  FOREACH f IN ARRAY ARRAY['pg_hba_file_rules', 'pg_ident_file_mappings', 'pg_show_all_file_settings'] LOOP
    IF to_regprocedure(format('pg_catalog.%I()', f)) IS NOT NULL THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION pg_catalog.%I() TO %I', f, @@probe);
    END IF;
  END LOOP;
END
$sluice$;
`

const setupSchema = `-- Until when copies may be read. Row security asks this table as whoever
-- reads a copy, so everybody may; it holds ids and times and nothing else.
DO $sluice$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'sluice') THEN
    CREATE SCHEMA sluice AUTHORIZATION @owner;
  ELSIF (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'sluice') <> @@owner THEN
    RAISE EXCEPTION 'sluice: there is a schema sluice already that belongs to %', (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'sluice');
  END IF;
  IF to_regclass('sluice.lease') IS NULL THEN
    CREATE TABLE sluice.lease (copy text PRIMARY KEY, valid_until timestamptz NOT NULL);
    ALTER TABLE sluice.lease OWNER TO @owner;
  ELSIF (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'sluice.lease'::regclass) <> @@owner THEN
    RAISE EXCEPTION 'sluice: there is a table sluice.lease already that does not belong to %', @@owner;
  END IF;
END
$sluice$;
REVOKE ALL ON SCHEMA sluice FROM PUBLIC;
GRANT USAGE ON SCHEMA sluice TO PUBLIC;
REVOKE ALL ON sluice.lease FROM PUBLIC;
GRANT SELECT ON sluice.lease TO PUBLIC;
GRANT INSERT, UPDATE, DELETE ON sluice.lease TO @carrier, @reactor;
COMMENT ON TABLE sluice.lease IS 'Until when copies that Sluice has carried may be read.';
`

const setupVerifiers = `-- What kind of password each role has, and never the password.
DO $sluice$
BEGIN
  IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('sluice.role_secret_kind') AND NOT (relkind = 'v' AND relowner IN (SELECT oid FROM pg_roles WHERE rolsuper))) THEN
    RAISE EXCEPTION 'sluice: sluice.role_secret_kind is there already, and no view of a superuser';
  END IF;
END
$sluice$;
CREATE OR REPLACE VIEW sluice.role_secret_kind WITH (security_barrier = true) AS
SELECT oid, rolname,
  CASE WHEN rolpassword IS NULL THEN 'none'
       WHEN rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5'
       WHEN rolpassword ~ '^SCRAM-SHA-256[$][0-9]{1,9}:' THEN 'scram-sha-256'
       ELSE 'unknown' END AS kind,
  CASE WHEN rolpassword ~ '^SCRAM-SHA-256[$][0-9]{1,9}:'
       THEN substring(rolpassword from '^SCRAM-SHA-256[$]([0-9]{1,9}):')::int END AS iterations,
  COALESCE(rolpassword = 'md5' || md5(rolname::text || rolname::text), false) AS md5_password_equals_name
FROM pg_authid WHERE rolname !~ '^pg_';
REVOKE ALL ON sluice.role_secret_kind FROM PUBLIC;
GRANT SELECT ON sluice.role_secret_kind TO @probe;
`

const setupQuiet = `-- The carrier may keep values out of the log in its own sessions.
DO $sluice$
BEGIN
  IF current_setting('server_version_num')::int >= 150000 THEN
    EXECUTE format('GRANT SET ON PARAMETER @settings TO %I', @@carrier);
  END IF;
END
$sluice$;
`

const teardownHead = `-- Takes away what the setup for Sluice made. Run it as a superuser in the
-- database that held copies. It refuses while there are copies.
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
`

const teardownBody = `DO $sluice$
DECLARE
  r text;
  left_over text;
BEGIN
  SELECT string_agg(DISTINCT what, ', ') INTO left_over FROM (
    SELECT format('%I.%I', n.nspname, c.relname) AS what
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    WHERE o.rolname = ANY (ARRAY[@@owner, @@probe, @@carrier, @@reactor]) AND n.nspname <> 'pg_toast'
      AND NOT (n.nspname = 'sluice' AND c.relname IN ('lease', 'lease_pkey'))
    UNION ALL
    SELECT format('schema %I', n.nspname) FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner
    WHERE o.rolname = ANY (ARRAY[@@owner, @@probe, @@carrier, @@reactor]) AND n.nspname <> 'sluice'
    UNION ALL
    SELECT format('%s.%s()', n.nspname, p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles o ON o.oid = p.proowner
    WHERE o.rolname = ANY (ARRAY[@@owner, @@probe, @@carrier, @@reactor])) x;
  IF left_over IS NOT NULL THEN
    RAISE EXCEPTION 'sluice: there are still copies or parts of them: %', left_over
      USING HINT = 'Have Sluice purge them first, or drop them.';
  END IF;
  DROP VIEW IF EXISTS sluice.role_secret_kind;
  DROP TABLE IF EXISTS sluice.lease;
  DROP SCHEMA IF EXISTS sluice;
  FOREACH r IN ARRAY ARRAY[@@reactor, @@carrier, @@probe, @@owner] LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      EXECUTE format('DROP OWNED BY %I', r);
      BEGIN
        EXECUTE format('DROP ROLE %I', r);
      EXCEPTION WHEN dependent_objects_still_exist THEN
        -- Another database of this server was set up as well.
        RAISE WARNING 'sluice: the role % is kept: other databases need it', r;
      END;
    END IF;
  END LOOP;
END
$sluice$;
`
