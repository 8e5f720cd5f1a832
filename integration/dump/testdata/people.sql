-- Values to look for: whoever finds "canary" in what left has found a leak.
-- There is one in each sort of place that holds a value, and the characters
-- that formats escape are among them.
SET ROLE shop_app;

CREATE TABLE people (
    id integer PRIMARY KEY,
    email varchar(60) NOT NULL UNIQUE,
    name text,
    born date,
    seen timestamptz,
    income numeric(12, 2),
    steps integer,
    token text,
    plan text NOT NULL DEFAULT 'free',
    initial text GENERATED ALWAYS AS (upper(plan)) STORED
);
COMMENT ON COLUMN people.email IS 'class:contact.email';
COMMENT ON COLUMN people.token IS 'class:secret.token';
INSERT INTO people
SELECT i, format('canary-email-%s@example.com', i),
       CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN E'canary-name-' || i || E'\ttab \\ "quote" ''apostrophe''' ELSE E'canary-name-' || i || E'\näöü 日本' END,
       date '1948-01-01' + i * 31, timestamptz '2024-02-29 12:34:56.789+00' + i * interval '7 hours',
       i * 1234.56, (i - 20) * 97, CASE WHEN i % 5 > 0 THEN 'canary-token-' || md5(i::text) END
FROM generate_series(1, 120) AS i;
CREATE INDEX people_by_name ON people (name);

-- Children: COPY of a table takes the table alone.
CREATE TABLE staff (desk text) INHERITS (people);
INSERT INTO staff (id, email, token, desk)
SELECT 1000 + i, format('canary-email-staff%s@example.com', i), 'canary-token-staff', 'desk ' || i FROM generate_series(1, 7) AS i;

CREATE TABLE logins (
    person integer NOT NULL REFERENCES people,
    "At Time" timestamptz NOT NULL,
    "Address ""4""" text
);
INSERT INTO logins SELECT 1 + i % 120, timestamptz '2025-01-01 00:00:00+00' + i * interval '1 minute', 'canary-address-' || i FROM generate_series(1, 500) AS i;

CREATE VIEW addresses AS SELECT id, email, initial FROM people;

-- Statistics hold values too.
ANALYZE people, logins;
