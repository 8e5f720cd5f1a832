CREATE SCHEMA app;
CREATE SCHEMA "Odd Schema";
CREATE EXTENSION file_fdw;
CREATE EXTENSION citext;

CREATE DOMAIN app.mail AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN app.work_mail AS app.mail;
CREATE TYPE app.mood AS ENUM ('fine', 'not so');
CREATE TYPE app.pair AS (a int, b text);

CREATE FUNCTION app.price(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'x'; RETURN NEW; END $$;
CREATE FUNCTION app.same(a app.pair, b app.pair) RETURNS boolean LANGUAGE sql AS 'SELECT a.a = b.a';
CREATE FUNCTION app.differ(a app.pair, b app.pair) RETURNS boolean LANGUAGE sql AS 'SELECT a.a <> b.a';
CREATE FUNCTION app.add(a int, b app.pair) RETURNS int LANGUAGE sql AS 'SELECT a + b.a';
CREATE FUNCTION app.pair_of(text) RETURNS app.pair LANGUAGE sql AS $$ SELECT ROW(1, $1)::app.pair $$;
CREATE FUNCTION app.owner_power(OUT x int, IN y text DEFAULT 'z', VARIADIC rest int[] DEFAULT '{}') LANGUAGE sql SECURITY DEFINER SET work_mem = '1MB' AS 'SELECT 1';
CREATE AGGREGATE app.total(app.pair) (SFUNC = app.add, STYPE = int, INITCOND = '0');
CREATE OPERATOR app.=== (LEFTARG = app.pair, RIGHTARG = app.pair, FUNCTION = app.same, NEGATOR = OPERATOR(app.!==));
CREATE OPERATOR app.!== (LEFTARG = app.pair, RIGHTARG = app.pair, FUNCTION = app.differ, NEGATOR = OPERATOR(app.===));
CREATE CAST (text AS app.pair) WITH FUNCTION app.pair_of(text) AS ASSIGNMENT;

CREATE TABLE app.users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email app.work_mail NOT NULL,
  gone int,
  name character varying(40) DEFAULT lower('NOBODY'),
  doubled numeric GENERATED ALWAYS AS (app.price(2)) STORED,
  moods app.mood[],
  note text,
  "Odd ""Column" app.pair,
  CHECK (length(name) < 40)
);
ALTER TABLE app.users DROP COLUMN gone;
CREATE UNIQUE INDEX users_name ON app.users (lower(name), note) INCLUDE (doubled);
COMMENT ON TABLE app.users IS 'people';
COMMENT ON COLUMN app.users.email IS 'class:contact.email';
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.stamp();
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.users FORCE ROW LEVEL SECURITY;

CREATE TABLE app.allowed (who text, ok boolean);
CREATE POLICY mine ON app.users USING (app.price(1) > 0 AND EXISTS (SELECT FROM app.allowed WHERE ok));
CREATE TABLE app.orders (id int, user_id bigint REFERENCES app.users, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.orders_1 PARTITION OF app.orders FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE app.orders_2 PARTITION OF app.orders FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY LIST (id);
CREATE TABLE app.orders_2_1 PARTITION OF app.orders_2 FOR VALUES IN (1);
CREATE TABLE app.vip (bonus int) INHERITS (app.users);

CREATE VIEW app.mails AS SELECT email, app.price(1) AS p FROM app.users;
CREATE VIEW app.mails_too AS SELECT email FROM app.mails;
CREATE MATERIALIZED VIEW app.counts AS SELECT count(*) AS n, max(u.name) AS name FROM app.users u;
CREATE VIEW app.paired AS SELECT 1 AS one FROM app.users u WHERE u."Odd ""Column" OPERATOR(app.===) ROW(1, 'x')::app.pair;
CREATE RULE copy AS ON INSERT TO app.allowed DO ALSO INSERT INTO app.orders (id, at) SELECT 1, '2020-02-02' FROM app.vip;

CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE app.log (line text) SERVER files OPTIONS (filename '/nowhere');
CREATE PUBLICATION several FOR TABLE app.users, app.orders;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE SEQUENCE app.numbers;
CREATE TABLE app.counted (n int DEFAULT 3 CHECK (n > 0));
CREATE UNLOGGED TABLE "Odd Schema"."Odd Table" (x int);
CREATE FUNCTION app.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION app.on_ddl();
ALTER EVENT TRIGGER watch DISABLE;
CREATE PROCEDURE app.tidy() LANGUAGE sql AS 'DELETE FROM app.users';
