-- What changes while it is read (changes_test.go, comments_test.go). Its canaries
-- are always in columns that have a class at that moment, by the policy or by a
-- comment; but for moved.commented, which has none at first.
SET ROLE shop_app;
CREATE SCHEMA moved;
CREATE SCHEMA front;
CREATE TABLE moved.people (id integer, email text, country text);
INSERT INTO moved.people SELECT i, 'canary' || i || '@example.net', 'DE' FROM generate_series(1, 5) AS i;
CREATE TABLE moved.rebuilt (id integer, email text, country text);
INSERT INTO moved.rebuilt TABLE moved.people;
CREATE VIEW moved.seen AS SELECT id, email AS a, country AS b FROM crm.people;
CREATE FUNCTION moved.reads(i integer) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT b FROM moved.seen WHERE id = i); END';
CREATE VIEW moved.below AS SELECT id, email AS a, country AS b FROM crm.people;
CREATE VIEW moved.above AS SELECT * FROM moved.below;

CREATE TABLE moved.labelled (id integer, a text, b text);
INSERT INTO moved.labelled TABLE moved.people;
COMMENT ON COLUMN moved.labelled.a IS 'class:contact.email';
COMMENT ON COLUMN moved.labelled.b IS 'class:none';
CREATE FUNCTION moved.tells(i integer) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT b FROM moved.labelled WHERE id = i); END';

CREATE TABLE moved.commented (id integer, address text, country text);
INSERT INTO moved.commented TABLE moved.people;
COMMENT ON COLUMN moved.commented.address IS 'class:none';
