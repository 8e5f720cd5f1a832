-- One column for each type that has a static mask, with what is at the ends of
-- the type and what the formats of COPY escape.
SET ROLE shop_app;
CREATE TABLE shapes (
    "text" text, "varchar" varchar(12), "char" char(9), "name" name,
    "smallint" smallint, "integer" integer, "bigint" bigint,
    "numeric" numeric, "money like" numeric(8, 2), "real" real, "double" double precision,
    "date" date, "timestamp" timestamp, "timestamptz" timestamptz, "boolean" boolean, "uuid" uuid
);
INSERT INTO shapes ("text", "varchar", "char", "name")
SELECT v, left(v, 12), left(v, 9), v FROM unnest(ARRAY[
    '', 'a', 'ab', 'abc', 'abcd', 'abcdefgh', ' padded ', E'tab\tline\n', E'back\\slash', '"q"", ''x''', 'äöü€日本', '\N', '\.', 'NULL', NULL
]) AS v;
INSERT INTO shapes ("smallint", "integer", "bigint")
SELECT * FROM (VALUES (0, 0, 0), (1, 1, 1), (-1, -1, -1), (9, 9, 9), (10, 10, 10), (-10, -10, -10), (-11, -11, -11),
    (32767, 2147483647, 9223372036854775807), (-32768, -2147483648, -9223372036854775808),
    (-32767, -2147483647, -9223372036854775807), (-32760, -2147483640, -9223372036854775800)) AS v;
INSERT INTO shapes ("numeric", "money like", "real", "double")
SELECT v::numeric, round(v::numeric % 100000, 2), v::real, v::double precision FROM unnest(ARRAY[
    '0', '0.1', '0.3', '-0.1', '9.99999', '10', '-10', '12.345', '-12.345', '100000.5', '123456789012.125', '1e-7', '99999.99',
    '0.30000000000000004', '16777217', '-2.5', '2.5', '7.00', '-0.0000001'
]) AS v;
INSERT INTO shapes ("numeric", "real", "double") VALUES ('NaN', 'NaN', 'NaN');
INSERT INTO shapes ("real", "double") VALUES ('Infinity', '-Infinity'), ('-Infinity', 'Infinity'), (3e30, 1.5e300), (-0.0, -0.0);
INSERT INTO shapes ("numeric") VALUES (1e60 + 0.5), (-1e60 - 0.5), (1e-60);
INSERT INTO shapes ("date", "timestamp", "timestamptz")
SELECT d::date, d::timestamp, d::timestamptz FROM unnest(ARRAY[
    '2024-02-29 23:59:59.999999', '2000-01-01 00:00:00', '1999-12-31 12:00:00', '1970-01-01 00:00:01', '0001-01-01 00:00:00',
    '0044-03-15 08:00:00 BC', '4712-05-05 00:00:00 BC', '12345-06-07 01:02:03', '294275-12-31 00:00:00', 'infinity', '-infinity'
]) AS d;
INSERT INTO shapes ("timestamptz") VALUES ('2024-01-01 00:30:00+14'), ('2024-06-30 23:30:00-11');
INSERT INTO shapes ("boolean", "uuid") VALUES (true, '00000000-0000-4000-8000-000000000000'), (false, NULL);
