-- What could be mistaken, missed or in the way. "kanarie" is in every value
-- that could show up in a report.

CREATE DOMAIN public.mail AS text;
CREATE DOMAIN public.work_mail AS public.mail CHECK (VALUE LIKE '%@%');
CREATE TYPE public.gender AS ENUM ('f', 'm', 'x');

CREATE TABLE public.mistaken (
    id           bigint PRIMARY KEY,
    user_id      bigint,
    filename     text,
    state        text,
    firmware     text,
    commit       text,
    md5          text,
    epoch_ms     bigint,
    order_number text,
    clip         text,
    thumbnail    text,
    reading      double precision,
    email_count  integer,
    is_mobile    boolean
);
INSERT INTO public.mistaken
SELECT i, i, 'kanarie' || i || '@2x.png', (ARRAY['Texas', 'Bayern'])[1 + i % 2], '4.9.' || i % 10 || '.' || i % 250, md5('a' || i) || substr(md5('b' || i), 1, 8),
       md5('kanarie' || i), 1500000000000 + i * 7919, '4' || lpad((i * 7919)::text, 15, '0'), 'https://kanarie.s3.amazonaws.com/clips/' || md5('c' || i) || '.mp4',
       '/9j/' || repeat(md5('t' || i), 6), (i % 997) / 1000.0 + 0.123456, i % 7, i % 2 = 0
FROM generate_series(1, 3000) AS i;

CREATE TABLE public.found (
    note         text,
    contact      public.work_mail,
    peer         inet,
    station      macaddr,
    blob         bytea,
    settings     jsonb,
    pan          text,
    account      text,
    seen_from    text,
    handle       text,
    "Odd Name"   text,
    gender       public.gender,
    tags         text[]
);
INSERT INTO public.found
SELECT CASE WHEN i = 1234 THEN 'Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJrYW5hcmllIn0.c2lnbmF0dXJlc2lnbmF0dXJl' ELSE 'nothing to kanarie ' || i END,
       'kanarie' || i || '@example.org', '10.0.0.1', '00:11:22:33:44:55', convert_to('Atzr|kanarie' || md5('x' || i), 'UTF8'),
       jsonb_build_object('to', 'kanarie' || i || '@example.com'), '4111 1111 1111 1111', 'DE89 3704 0044 0532 0130 00',
       i % 223 + 1 || '.' || i % 7 || '.' || i % 11 || '.' || i % 254, '+49 30 ' || 1000000 + i, '37.' || 700000 + i || ',-122.' || 400000 + i, 'x',
       ARRAY['kanarie' || i || '@example.net']
FROM generate_series(1, 2000) AS i;

-- Larger than what is read from its beginning: the mails are in the second half.
CREATE TABLE public.large (id bigint, body text);
INSERT INTO public.large SELECT i, CASE WHEN i > 100000 THEN 'kanarie' || i || '@example.com' ELSE '' END FROM generate_series(1, 200000) AS i;
ANALYZE public.large;

-- Partitions have the columns of what they are partitions of.
CREATE TABLE public.events (at date, phone text) PARTITION BY RANGE (at);
CREATE TABLE public.events_2019 PARTITION OF public.events FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
INSERT INTO public.events SELECT '2019-12-04', '+4930' || 1000000 + i FROM generate_series(1, 100) AS i;

CREATE TABLE public.closed (secret_note text, open text);
INSERT INTO public.closed VALUES ('kanarie@example.com', 'kanarie@example.com');

CREATE TABLE public.locked (contact text);
INSERT INTO public.locked SELECT 'kanarie' || i || '@example.com' FROM generate_series(1, 500) AS i;
ANALYZE public.locked;

CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE public.elsewhere (email text) SERVER far;

CREATE MATERIALIZED VIEW public.digest AS SELECT contact AS addressee FROM public.found LIMIT 50;

CREATE TABLE public.commented (a text, b text, c text);
COMMENT ON COLUMN public.commented.a IS 'What somebody wrote (class:none).';
COMMENT ON COLUMN public.commented.b IS 'class:contact.mail.address';
COMMENT ON COLUMN public.commented.c IS 'class:contact.phone class:person.name';

GRANT USAGE ON SCHEMA public TO people;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO people;
REVOKE ALL ON public.closed FROM people;
GRANT SELECT (open) ON public.closed TO people;
