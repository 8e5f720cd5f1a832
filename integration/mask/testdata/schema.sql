CREATE SCHEMA raw;
CREATE TABLE raw.person (
    id bigint PRIMARY KEY,
    email varchar(60) UNIQUE,
    note text,
    ssid text,
    code char(20),
    age integer,
    weight numeric(6,2),
    height double precision,
    ratio real,
    amount numeric,
    born date,
    seen timestamptz,
    made timestamp(3),
    device uuid UNIQUE,
    mac macaddr,
    fingerprint bytea,
    token text NOT NULL,
    address inet,
    settings jsonb,
    active boolean,
    "last ""one"", \ é" text
);
CREATE TABLE raw.visit (
    person integer,
    email text REFERENCES raw.person (email),
    at timestamptz
);
ALTER TABLE raw.visit ADD FOREIGN KEY (person) REFERENCES raw.person (id);

INSERT INTO raw.person
SELECT n,
    CASE WHEN n % 11 > 0 THEN 'person' || n || '@example.com' END,
    (ARRAY['', E'tab\tnew\nline', E'back\\slash \\N', '"quoted", ''too''', E'\r\n', E'\\.', 'é日本', NULL, '  ', 'a|b;c'])[n % 10 + 1],
    (ARRAY['', 'x', 'ab', 'abc', 'wifi-é', E'a\tb"c\\d', '日本語テ', NULL])[n % 8 + 1],
    'code' || n % 50,
    (n * 7919) % 4000 - 2000,
    ((n * 104729) % 199999 - 99999) / 100.0,
    (n - 500) * 0.37,
    (n - 500) * 0.11,
    ((n::numeric * 15485863) % 1000003 - 500000) * (10::numeric ^ (n % 40 - 20)),
    CASE n WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN '0044-03-15 BC' WHEN 4 THEN '4713-12-31 BC' WHEN 5 THEN '5874897-12-31'
        ELSE date '1800-01-01' + n * 137 END,
    CASE n WHEN 1 THEN 'infinity' WHEN 2 THEN '0001-12-31 23:00:00 BC' ELSE timestamptz '1850-01-01 00:30:00+00' + n * interval '53 days 7 hours 0.123456 seconds' END,
    CASE n WHEN 1 THEN '-infinity' WHEN 2 THEN '294276-12-31 23:59:59' ELSE timestamp '1999-12-31 23:59:59.999' + (n - 500) * interval '17 hours' END,
    ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    ('08:00:2b:00:' || lpad(to_hex(n / 256), 2, '0') || ':' || lpad(to_hex(n % 256), 2, '0'))::macaddr,
    CASE WHEN n % 7 > 0 THEN decode(lpad(to_hex(n), 8, '0'), 'hex') ELSE '' END,
    'token-' || md5(n::text),
    '10.0.0.0'::inet + n,
    jsonb_build_object('n', n),
    n % 2 = 0,
    CASE WHEN n % 3 = 0 THEN E'end\\' END
FROM generate_series(1, 1000) AS n;

INSERT INTO raw.visit SELECT n % 1000 + 1, (SELECT email FROM raw.person WHERE id = n % 1000 + 1), now() FROM generate_series(1, 500) AS n;
