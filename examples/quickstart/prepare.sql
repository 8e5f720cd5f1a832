-- What a database needs before Sluice can stand in front of it with the
-- built-in issuer. Run it once, as a superuser, in the database itself:
--
--   psql "host=db.example.net dbname=shop user=postgres" -f prepare.sql
--
-- It asks for the issuer's password at the end.
\set ON_ERROR_STOP on
BEGIN;

-- What people may do. Sluice's short-lived logins are members of this role
-- and have no rights of their own, so grant here what sessions need.
CREATE ROLE shop_people NOLOGIN;
GRANT USAGE ON SCHEMA public TO shop_people;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_people;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO shop_people;

-- Who makes and ends those logins. It needs no right on any table.
CREATE ROLE shop_issuer LOGIN CREATEROLE;
GRANT shop_people TO shop_issuer WITH ADMIN OPTION;
GRANT pg_signal_backend TO shop_issuer;

COMMIT;
\password shop_issuer
