-- Code of every sort, for what it reaches.
SET check_function_bodies = off;
CREATE SCHEMA lab;
CREATE SCHEMA side;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION citext SCHEMA public;
CREATE EXTENSION pgcrypto SCHEMA public;
CREATE EXTENSION lo SCHEMA public;

CREATE TABLE lab.people (id int PRIMARY KEY, email text, phone text, boss int);
CREATE TABLE lab.secrets (person int REFERENCES lab.people ON DELETE CASCADE, token text);
CREATE TABLE lab.log (at timestamptz DEFAULT now(), what text);
CREATE TABLE lab.quiet (id int, note text);
CREATE TABLE side.people (id int, nickname text);
INSERT INTO lab.people VALUES (1, 'a@example.com', '1', NULL), (2, 'b@example.com', '2', 1);
INSERT INTO lab.secrets VALUES (1, 't');
INSERT INTO side.people VALUES (1, 'a');

-- Views.
CREATE VIEW lab.mails AS SELECT id, email FROM lab.people;
CREATE VIEW lab.mails_again AS SELECT m.email FROM lab.mails m;
CREATE MATERIALIZED VIEW lab.kept AS SELECT email FROM lab.people;

-- SQL.
CREATE FUNCTION lab.pure(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b * 2';
CREATE FUNCTION lab.one_mail(p int) RETURNS text LANGUAGE sql AS 'SELECT email FROM lab.people WHERE id = p';
CREATE FUNCTION lab.bare_mail(p int) RETURNS text LANGUAGE sql AS 'SELECT email FROM people WHERE id = p';
CREATE FUNCTION lab.pinned_name(p int) RETURNS text LANGUAGE sql SET search_path = side, pg_temp AS 'SELECT nickname FROM people WHERE id = p';
CREATE FUNCTION lab.by_view() RETURNS SETOF text LANGUAGE sql AS 'SELECT email FROM lab.mails_again';
CREATE FUNCTION lab.by_kept() RETURNS SETOF text LANGUAGE sql AS 'SELECT email FROM lab.kept';
CREATE FUNCTION lab.whole() RETURNS SETOF lab.people LANGUAGE sql AS 'SELECT * FROM lab.people';
CREATE FUNCTION lab.as_json() RETURNS json LANGUAGE sql AS 'SELECT json_agg(p) FROM lab.people p';
CREATE FUNCTION lab.adds(w text) RETURNS void LANGUAGE sql AS 'INSERT INTO lab.quiet VALUES (1, w)';
CREATE FUNCTION lab.copies() RETURNS void LANGUAGE sql AS 'INSERT INTO lab.quiet SELECT id, email FROM lab.people';
CREATE FUNCTION lab.nested(p int) RETURNS text LANGUAGE sql AS 'SELECT lower(lab.one_mail(p))';
CREATE FUNCTION lab.defaulted(p int, m text DEFAULT lab.one_mail(1)) RETURNS text LANGUAGE sql AS 'SELECT m';
CREATE FUNCTION lab.definer(p int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT token FROM lab.secrets WHERE person = p';
CREATE FUNCTION lab.counts() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM lab.people WHERE email LIKE ''%x''';
CREATE FUNCTION lab.ordered() RETURNS SETOF text LANGUAGE sql AS 'WITH p AS (SELECT id, email FROM lab.people), q AS (SELECT * FROM p ORDER BY email) SELECT email FROM q';

CREATE FUNCTION lab.row_mail(lab.people) RETURNS text LANGUAGE sql AS 'SELECT $1.email';
CREATE OR REPLACE FUNCTION lab.dotted() RETURNS SETOF text LANGUAGE sql AS 'SELECT p.row_mail FROM lab.people p';
CREATE FUNCTION lab.around() RETURNS SETOF text LANGUAGE sql AS 'SELECT (p).row_mail FROM (SELECT lab.first_person()) s (p)';
CREATE FUNCTION lab.loud(m text) RETURNS void LANGUAGE sql AS 'SELECT pg_notify(''c'', m)';
CREATE FUNCTION lab.reads_file() RETURNS text LANGUAGE sql AS 'SELECT pg_read_file(''/etc/hostname'')';
CREATE FUNCTION lab.hashes(m text) RETURNS text LANGUAGE sql AS 'SELECT encode(public.digest(m, ''sha256''), ''hex'')';
CREATE FUNCTION lab.stats() RETURNS SETOF text LANGUAGE sql AS 'SELECT most_common_vals::text FROM pg_stats WHERE tablename = ''people''';
CREATE FUNCTION lab.into_xml() RETURNS xml LANGUAGE sql AS 'SELECT query_to_xml(''SELECT 1'', true, true, '''')';

-- PL/pgSQL.
CREATE FUNCTION lab.first_person() RETURNS lab.people LANGUAGE plpgsql AS $$ DECLARE p lab.people; BEGIN SELECT * INTO p FROM lab.people LIMIT 1; RETURN p; END $$;
CREATE FUNCTION lab.computes(n int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE t int := 0; BEGIN FOR i IN 1..n LOOP t := t + i; END LOOP; RETURN t; END $$;
CREATE FUNCTION lab.loops() RETURNS SETOF text LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN FOR r IN SELECT email FROM lab.people LOOP RETURN NEXT r.email; END LOOP; END $$;
CREATE FUNCTION lab.tabled(OUT a int, OUT b text) RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN FOR a, b IN SELECT id, phone FROM lab.people LOOP RETURN NEXT; END LOOP; END $$;
CREATE FUNCTION lab.table_of() RETURNS TABLE (mail text) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT email FROM lab.people; END $$;
CREATE FUNCTION lab.dynamic(t text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM lab.%I', t) INTO n; RETURN n; END $$;
CREATE FUNCTION lab.constant() RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(token) FROM lab.secrets' INTO n; RETURN n; END $$;
CREATE FUNCTION lab.by_cursor() RETURNS text LANGUAGE plpgsql AS $$ DECLARE c CURSOR FOR SELECT token FROM lab.secrets; t text; BEGIN OPEN c; FETCH c INTO t; CLOSE c; RETURN t; END $$;
CREATE FUNCTION lab.told() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'mail %', (SELECT email FROM lab.people LIMIT 1); END $$;
CREATE FUNCTION lab.branch(b boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN IF b THEN RETURN (SELECT token FROM lab.secrets LIMIT 1); END IF; RETURN 'no'; END $$;
CREATE FUNCTION lab.caught() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / 0; RETURN ''; EXCEPTION WHEN division_by_zero THEN RETURN (SELECT email FROM lab.people LIMIT 1); END $$;
CREATE FUNCTION lab.repathed() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'side', true); RETURN (SELECT max(p::text) FROM people p); END $$;
CREATE FUNCTION lab.temps() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE kept_mails AS SELECT email FROM lab.people; RETURN (SELECT count(*) FROM kept_mails); END $$;
CREATE FUNCTION lab.even(n int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN n = 0 OR lab.odd(n - 1); END $$;
CREATE FUNCTION lab.odd(n int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN n <> 0 AND lab.even(n - 1); END $$;
CREATE FUNCTION lab.updates() RETURNS void LANGUAGE plpgsql AS $$ BEGIN UPDATE lab.people SET phone = email; END $$;
CREATE FUNCTION lab.deletes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM lab.people WHERE id = 1; END $$;
CREATE FUNCTION lab.truncates() RETURNS void LANGUAGE plpgsql AS $$ BEGIN TRUNCATE lab.quiet; END $$;
CREATE FUNCTION lab.missing() RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF false THEN PERFORM lab.nowhere(); END IF; END $$;
CREATE FUNCTION lab.field() RETURNS text LANGUAGE plpgsql AS $$ DECLARE p lab.people%ROWTYPE; BEGIN SELECT * INTO p FROM lab.people LIMIT 1; RETURN p.email; END $$;
CREATE PROCEDURE lab.tidies() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM lab.log; END $$;
CREATE FUNCTION lab.calls() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL lab.tidies(); END $$;
CREATE FUNCTION lab.does() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DO 'BEGIN PERFORM 1; END'; END $$;

-- Operators, casts, aggregates, domains.
CREATE TYPE lab.box2 AS (a int, b int);
CREATE FUNCTION lab.box_reads(l lab.box2, r lab.box2) RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM lab.secrets WHERE token = l.a::text)';
CREATE OPERATOR lab.~~> (LEFTARG = lab.box2, RIGHTARG = lab.box2, FUNCTION = lab.box_reads);
CREATE OPERATOR lab.= (LEFTARG = lab.box2, RIGHTARG = lab.box2, FUNCTION = lab.box_reads);
CREATE FUNCTION lab.by_operator() RETURNS boolean LANGUAGE sql AS 'SELECT ROW(1, 2)::lab.box2 OPERATOR(lab.~~>) ROW(1, 2)::lab.box2';
CREATE FUNCTION lab.by_equals() RETURNS boolean LANGUAGE sql SET search_path = lab, pg_catalog AS 'SELECT ROW(1, 2)::lab.box2 = ROW(1, 2)::lab.box2';
CREATE FUNCTION lab.box_of(text) RETURNS lab.box2 LANGUAGE sql AS $$ SELECT ROW(count(*), 1)::lab.box2 FROM lab.people WHERE email = $1 $$;
CREATE CAST (text AS lab.box2) WITH FUNCTION lab.box_of(text) AS ASSIGNMENT;
CREATE FUNCTION lab.by_cast(t text) RETURNS lab.box2 LANGUAGE sql AS 'SELECT t::lab.box2';
CREATE TABLE lab.boxes (b lab.box2);
CREATE FUNCTION lab.by_assignment(t text) RETURNS void LANGUAGE sql AS 'INSERT INTO lab.boxes VALUES (t)';
CREATE FUNCTION lab.gather(s text, v int) RETURNS text LANGUAGE sql AS 'SELECT s || (SELECT max(token) FROM lab.secrets)';
CREATE AGGREGATE lab.gathered(int) (SFUNC = lab.gather, STYPE = text, INITCOND = '');
CREATE FUNCTION lab.by_aggregate() RETURNS text LANGUAGE sql AS 'SELECT lab.gathered(x) FROM generate_series(1, 2) x';
CREATE FUNCTION lab.is_known(text) RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM lab.people WHERE email = $1)';
CREATE DOMAIN lab.known_mail AS text CHECK (lab.is_known(VALUE));
CREATE FUNCTION lab.by_domain(t text) RETURNS text LANGUAGE sql AS 'SELECT (t::lab.known_mail)::text';
CREATE FUNCTION lab.by_variable(t text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE k lab.known_mail := t; BEGIN RETURN k; END $$;
CREATE FUNCTION lab.by_array(t text) RETURNS text LANGUAGE sql AS 'SELECT (ARRAY[t]::lab.known_mail[])[1]::text';
CREATE FUNCTION lab.by_citext(a text) RETURNS boolean LANGUAGE sql AS 'SELECT a::public.citext = ''x''::public.citext';
CREATE FUNCTION lab.shadows(character varying) RETURNS text LANGUAGE sql AS 'SELECT max(token) FROM lab.secrets';
CREATE FUNCTION lab.upper(character varying) RETURNS text LANGUAGE sql AS 'SELECT max(token) FROM lab.secrets';
CREATE FUNCTION lab.by_shadow(v character varying) RETURNS text LANGUAGE sql SET search_path = lab AS 'SELECT upper(v)';

-- Triggers, defaults, checks, rules, generated columns, policies.
CREATE FUNCTION lab.logs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lab.log (what) VALUES (NEW.note); RETURN NEW; END $$;
CREATE TABLE lab.watched (id int, note text);
CREATE TRIGGER logs AFTER INSERT ON lab.watched FOR EACH ROW EXECUTE FUNCTION lab.logs();
CREATE TRIGGER loud BEFORE UPDATE ON lab.watched FOR EACH ROW WHEN (pg_notify('c', NEW.note) IS NULL) EXECUTE FUNCTION lab.logs();
CREATE FUNCTION lab.feeds() RETURNS void LANGUAGE sql AS 'INSERT INTO lab.watched VALUES (1, ''x'')';
CREATE FUNCTION lab.next_note() RETURNS text LANGUAGE sql AS 'SELECT max(email) FROM lab.people';
CREATE TABLE lab.noted (id int, note text DEFAULT lab.next_note(), CHECK (lab.is_known(note)));
CREATE FUNCTION lab.doubled(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || (SELECT count(*) FROM lab.secrets)';
CREATE TABLE lab.made (note text, twice text GENERATED ALWAYS AS (lab.doubled(note)) STORED);
CREATE INDEX made_doubled ON lab.made (lab.doubled(note));
CREATE TABLE lab.ruled (id int, note text);
CREATE RULE too AS ON INSERT TO lab.ruled DO ALSO INSERT INTO lab.log (what) SELECT token FROM lab.secrets;
CREATE TABLE lab.allowed (who name, ok boolean);
INSERT INTO lab.allowed VALUES ('runner', true);
CREATE FUNCTION lab.may(n int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT n > 0 AND EXISTS (SELECT FROM lab.secrets)';
CREATE TABLE lab.guarded (id int, note text);
INSERT INTO lab.guarded VALUES (1, 'x');
CREATE POLICY mine ON lab.guarded USING (lab.may(id) AND EXISTS (SELECT FROM lab.allowed WHERE who = current_user));
ALTER TABLE lab.guarded ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION lab.sees() RETURNS SETOF text LANGUAGE sql AS 'SELECT note FROM lab.guarded';
CREATE VIEW lab.editable AS SELECT id, note FROM lab.watched WHERE id > 0;
CREATE FUNCTION lab.instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lab.quiet VALUES (NEW.id, NEW.email); RETURN NEW; END $$;
CREATE TRIGGER instead INSTEAD OF INSERT ON lab.mails FOR EACH ROW EXECUTE FUNCTION lab.instead();

-- Partitions and other servers.
CREATE TABLE lab.parts (id int, note text) PARTITION BY LIST (id);
CREATE TABLE lab.parts_1 PARTITION OF lab.parts FOR VALUES IN (1);
CREATE TRIGGER logs AFTER INSERT ON lab.parts_1 FOR EACH ROW EXECUTE FUNCTION lab.logs();
CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', dbname 'shop');
CREATE FOREIGN TABLE lab.parts_2 PARTITION OF lab.parts FOR VALUES IN (2) SERVER there OPTIONS (schema_name 'lab', table_name 'quiet');
CREATE FOREIGN TABLE lab.far (id int, note text) SERVER there OPTIONS (schema_name 'lab', table_name 'quiet');
CREATE FUNCTION lab.sends() RETURNS void LANGUAGE sql AS 'INSERT INTO lab.parts VALUES (2, ''x'')';
CREATE FUNCTION lab.asks() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM lab.far WHERE note = (SELECT max(token) FROM lab.secrets)';
CREATE VIEW lab.far_view AS SELECT id, note FROM lab.far;
CREATE FUNCTION lab.over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lab.far VALUES (NEW.id, NEW.note); RETURN NEW; END $$;
CREATE TRIGGER over INSTEAD OF INSERT ON lab.far_view FOR EACH ROW EXECUTE FUNCTION lab.over();

CREATE FUNCTION lab.in_c(text) RETURNS text LANGUAGE internal AS 'textout';

-- Names that mean something else from one path to another.
CREATE VIEW lab.calling AS SELECT lab.bare_mail(1) AS mail;
CREATE FUNCTION lab.bare_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM people p WHERE p.id > 0';
CREATE FUNCTION lab.side_count() RETURNS bigint LANGUAGE sql SET search_path = side AS 'SELECT lab.bare_count()';
CREATE FUNCTION lab.two_paths() RETURNS bigint LANGUAGE sql AS 'SELECT lab.bare_count() + lab.side_count()';
CREATE FUNCTION lab.upserts() RETURNS void LANGUAGE sql AS 'INSERT INTO lab.people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET boss = 1';
CREATE FUNCTION lab.refreshes() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN REFRESH MATERIALIZED VIEW lab.kept; END $$;
CREATE FUNCTION lab.merges() RETURNS void LANGUAGE plpgsql AS $$ BEGIN MERGE INTO lab.quiet q USING lab.people p ON q.id = p.id WHEN NOT MATCHED THEN INSERT VALUES (p.id, p.phone); END $$;

CREATE ROLE runner LOGIN PASSWORD 'runner runs';
GRANT USAGE ON SCHEMA lab, side TO runner;
GRANT ALL ON ALL TABLES IN SCHEMA lab, side TO runner;
GRANT CREATE ON SCHEMA lab TO runner;

CREATE FUNCTION lab.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lab.log (what) VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER on_ddl ON ddl_command_end EXECUTE FUNCTION lab.on_ddl();
