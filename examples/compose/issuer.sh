#!/bin/sh
# Runs in the database once, when it is new: a role for what people may do, and
# a login that makes short-lived members of it. See
# examples/quickstart/prepare.sql, which does the same by hand.
set -eu
password=$(cat "${DATABASE_SECRETS:-/database-secrets}/issuer.password")
# The password goes in as a variable, so that it is in no argument and no log.
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<SQL
SET log_statement = 'none';
\\set password '$password'
CREATE ROLE shop_people NOLOGIN;
CREATE ROLE shop_issuer LOGIN CREATEROLE PASSWORD :'password';
GRANT shop_people TO shop_issuer WITH ADMIN OPTION;
GRANT pg_signal_backend TO shop_issuer;

CREATE TABLE products (sku text PRIMARY KEY, name text NOT NULL, cents int NOT NULL);
INSERT INTO products VALUES ('SKU-0001', 'Cam Pan', 1412), ('SKU-0002', 'Plug', 2025);
GRANT SELECT, INSERT, UPDATE, DELETE ON products TO shop_people;
SQL
