-- The database that every lane begins with. Everything belongs to shop_owner;
-- {canary} is the one value that nobody may carry away unseen.
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION file_fdw;
CREATE EXTENSION pageinspect;
CREATE EXTENSION pgstattuple;
CREATE EXTENSION tablefunc;
CREATE EXTENSION xml2;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO shop_owner;
CREATE SCHEMA scratch AUTHORIZATION shop_owner;
CREATE SCHEMA shelf AUTHORIZATION shop_owner;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
GRANT USAGE ON FOREIGN SERVER files TO PUBLIC;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO shop_owner;
SET SESSION AUTHORIZATION shop_owner;

CREATE TABLE public.people (id int PRIMARY KEY, name text, email text, born date);
COMMENT ON COLUMN public.people.email IS 'class:contact.email';
INSERT INTO public.people
SELECT i, 'Person ' || i, CASE i WHEN 1 THEN '{canary}' ELSE 'person' || i || '@example.org' END, date '1980-01-01' + i
FROM generate_series(1, 60) i;
CREATE TABLE public.products (id int PRIMARY KEY, name text);
INSERT INTO public.products VALUES (1, 'Cam Pan'), (2, 'Plug');
CREATE TABLE public.staging (id int, body text);
CREATE TABLE public.order_log (id int, label text);
CREATE TABLE public.audit_log (id int, what text);
CREATE TABLE public.uniq (v text PRIMARY KEY);
CREATE TABLE public.checked (id int CHECK (id > 0), v text);
CREATE SEQUENCE public.counter;

CREATE TABLE public.events_all (id int, email text);
CREATE TABLE public.events_2023 () INHERITS (public.events_all);
INSERT INTO public.events_2023 VALUES (1, '{canary}');
CREATE TABLE public.events (id int, at date, email text) PARTITION BY RANGE (at);
CREATE TABLE public.events_2024 PARTITION OF public.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO public.events VALUES (1, '2024-06-01', '{canary}');

CREATE VIEW public.people_v AS SELECT id, email AS contact FROM public.people ORDER BY id;
CREATE VIEW public.people_vv AS SELECT contact AS c FROM public.people_v ORDER BY id;
CREATE MATERIALIZED VIEW public.people_m AS SELECT id, email AS contact FROM public.people ORDER BY id;
CREATE MATERIALIZED VIEW public.people_stale AS SELECT * FROM public.order_log;
CREATE VIEW public.harmless AS SELECT id, name AS label FROM public.products;
CREATE VIEW shelf.staging AS SELECT id, email AS body FROM public.people;
CREATE VIEW shelf.products AS SELECT id, email AS name FROM public.people ORDER BY id;

CREATE TABLE public.notes (id int, body text);
INSERT INTO public.notes SELECT i, 'note' FROM generate_series(1, 60) i;
ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.notes FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON public.notes USING (id > 50);
CREATE TABLE public.tenants (id int, tenant text, email text);
INSERT INTO public.tenants VALUES (1, 'own', 'mine@example.org'), (2, 'other', '{canary}');
ALTER TABLE public.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON public.tenants USING (tenant = current_setting('app.tenant', true));

CREATE FUNCTION public.tell() RETURNS text LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS $$
BEGIN
  RAISE NOTICE '%', (SELECT email FROM public.people WHERE id = 1);
  RETURN (SELECT email FROM public.people WHERE id = 1);
END $$;
CREATE FUNCTION public.told() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT email FROM public.people WHERE id = 1';
CREATE FUNCTION public.tell2(int, int) RETURNS text LANGUAGE sql AS 'SELECT public.tell()';
CREATE OPERATOR public.<->> (LEFTARG = int, RIGHTARG = int, FUNCTION = public.tell2);
CREATE FUNCTION public.gist(public.staging) RETURNS text LANGUAGE sql AS 'SELECT public.tell()';
CREATE TYPE public.token_box AS (a int);
CREATE TYPE public.label_box AS (label text);
CREATE FUNCTION public.label_of(public.token_box) RETURNS public.label_box LANGUAGE sql AS 'SELECT ROW(public.tell())::public.label_box';
CREATE CAST (public.token_box AS public.label_box) WITH FUNCTION public.label_of(public.token_box);
CREATE FUNCTION public.gather_step(text, int) RETURNS text LANGUAGE sql AS 'SELECT public.tell()';
CREATE AGGREGATE public.gather(int) (SFUNC = public.gather_step, STYPE = text);
CREATE PROCEDURE public.speak() LANGUAGE plpgsql AS $$ BEGIN PERFORM public.tell(); END $$;
CREATE FUNCTION public.open_cursor(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$
BEGIN OPEN c FOR SELECT public.tell(); RETURN c; END $$;
CREATE FUNCTION shelf.upper(varchar) RETURNS text LANGUAGE sql AS 'SELECT public.tell()';
CREATE FUNCTION public.plain(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE VIEW public.coded AS SELECT public.told() AS label;
CREATE TABLE public.watched (id int);
INSERT INTO public.watched VALUES (1);
CREATE FUNCTION public.noted(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', public.told(); RETURN true; END $$;
ALTER TABLE public.watched ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.watched FORCE ROW LEVEL SECURITY;
CREATE POLICY noted ON public.watched USING (public.noted(id));

CREATE TABLE public.orders (id int);
CREATE FUNCTION public.copies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO public.order_log VALUES (1, public.told()); RETURN NEW; END $$;
CREATE TRIGGER copies BEFORE INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION public.copies();
CREATE TABLE public.defaulted (id int, note text DEFAULT public.told());
CREATE TABLE public.ruled (id int);
INSERT INTO public.ruled VALUES (1);
CREATE RULE copies AS ON UPDATE TO public.ruled DO ALSO INSERT INTO public.order_log SELECT id, email FROM public.people WHERE id = 1;
SELECT lo_from_bytea(4242, '{canary}'::bytea);
RESET SESSION AUTHORIZATION;
ANALYZE;
