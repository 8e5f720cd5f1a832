-- What the suite looks at: values of each class are canaries (canary_test.go),
-- so that they are found wherever they turn up.
SET ROLE shop_app;
CREATE SCHEMA crm;
CREATE DOMAIN crm.mailbox AS text;
CREATE TYPE crm.mood AS ENUM ('canarymood', 'calm');
CREATE TYPE crm.contact AS (kind text, address text);

CREATE TABLE crm.people (
    id integer PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name varchar(40),
    born date,
    seen timestamptz,
    weight numeric(8, 1),
    height double precision,
    steps integer,
    token text,
    pin text,
    card uuid,
    number bigint,
    print bytea,
    mac macaddr,
    address inet,
    prefs jsonb,
    tags text[],
    alias crm.mailbox,
    mood crm.mood,
    contact crm.contact,
    country text
);
INSERT INTO crm.people SELECT i, 'canary' || i || '@example.net', 'Canary Name ' || i, date '1977-07-06' + i,
    timestamptz '1977-07-06 12:34:56.775377+00' + i * interval '1 day', 77537.7, 191.77537753, 664577,
    'canary-token-' || i, 'canary-pin', ('ca9a17ca-9a17-4a9a-8a17-ca9a17ca9a0' || i)::uuid, 7253725372530000 + i,
    decode('ca9a17ca9a17ca9a17ca9a0' || i, 'hex'), ('ca:9a:17:ca:9a:0' || i)::macaddr, '202.154.23.202',
    jsonb_build_object('canary', i), ARRAY['canary' || i, NULL], 'canary' || i || '@example.org', 'canarymood', ROW('home', 'canary' || i)::crm.contact, 'DE'
FROM generate_series(1, 5) AS i;

CREATE TABLE crm.orders (id integer PRIMARY KEY, person integer REFERENCES crm.people, contact text, note text);
INSERT INTO crm.orders SELECT i, 1 + i % 5, 'canary' || (1 + i % 5) || '@example.net', E'two\nlines, "quoted"\tand \\ more' FROM generate_series(1, 7) AS i;

CREATE VIEW crm.addresses AS SELECT id, email AS address, country FROM crm.people;
CREATE VIEW crm.book AS SELECT a.id, a.address, o.note FROM crm.addresses a JOIN crm.orders o ON o.person = a.id;
CREATE VIEW crm.whole AS SELECT p.id, p AS person, row_to_json(p) AS doc FROM crm.people p;
CREATE MATERIALIZED VIEW crm.cached AS SELECT id, email, upper(name) AS shout FROM crm.people;

CREATE TABLE crm.plain (id integer PRIMARY KEY, word text, day date, amount numeric(6, 2));
INSERT INTO crm.plain VALUES (1, 'harmless', '2024-02-29', 1.50), (2, NULL, NULL, NULL), (3, 'free', '2020-01-01', -7);
CREATE VIEW crm.harmless AS SELECT id, word FROM crm.plain;

CREATE TABLE crm.made (id integer, email text, low text GENERATED ALWAYS AS (lower(email)) STORED);
INSERT INTO crm.made VALUES (1, 'Canary1@example.net'), (2, 'Canary2@example.net');
ALTER TABLE crm.made ADD UNIQUE (email) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE crm.events (id integer, region text, line text) PARTITION BY LIST (region);
CREATE TABLE crm.events_a (line text, region text, id integer);
ALTER TABLE crm.events ATTACH PARTITION crm.events_a FOR VALUES IN ('a');
CREATE TABLE crm.events_rest PARTITION OF crm.events DEFAULT;
INSERT INTO crm.events VALUES (1, 'a', 'canary line 1'), (2, 'z', 'canary line 2');
CREATE TABLE crm.event_more (id integer, region text, line text);
INSERT INTO crm.event_more VALUES (3, 'm', 'canary line 3');

CREATE TABLE crm.base (id integer, secretly text);
CREATE TABLE crm.derived (extra text) INHERITS (crm.base);
INSERT INTO crm.base VALUES (1, 'canary base');
INSERT INTO crm.derived VALUES (2, 'canary derived', 'harmless');

CREATE FUNCTION crm.mail_of(who integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM crm.people WHERE id = who';
CREATE FUNCTION crm.people_like(what text) RETURNS SETOF crm.people LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN QUERY EXECUTE 'SELECT * FROM crm.people WHERE email LIKE $1' USING what; END $$;
CREATE FUNCTION crm.tell() RETURNS integer LANGUAGE plpgsql AS
    $$ DECLARE e text; BEGIN SELECT email INTO e FROM crm.people WHERE id = 1; RAISE NOTICE 'it is %', e; RETURN 1; END $$;

CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.people (id integer, email text, name text, country text);
INSERT INTO elsewhere.people VALUES (1, 'public@example.com', 'Nobody', 'XX');
