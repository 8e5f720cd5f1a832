-- What a lane's database gets of its own: the way to another server.
CREATE SERVER afar FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{port}', dbname '{remote}');
CREATE USER MAPPING FOR {group} SERVER afar OPTIONS (user 'courier', password '{secret}');
CREATE FOREIGN TABLE public.inbox_f (id int, body text) SERVER afar OPTIONS (schema_name 'public', table_name 'inbox');
CREATE TABLE public.parts (id int, body text) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE public.parts_afar PARTITION OF public.parts FOR VALUES FROM (MINVALUE) TO (MAXVALUE)
  SERVER afar OPTIONS (schema_name 'public', table_name 'inbox');
CREATE VIEW public.inbox_v AS SELECT * FROM public.inbox_f;
ALTER FOREIGN TABLE public.inbox_f OWNER TO shop_owner;
ALTER TABLE public.parts OWNER TO shop_owner;
ALTER FOREIGN TABLE public.parts_afar OWNER TO shop_owner;
ALTER VIEW public.inbox_v OWNER TO shop_owner;
CREATE USER MAPPING FOR shop_owner SERVER afar OPTIONS (user 'courier', password '{secret}');
CREATE USER MAPPING FOR CURRENT_USER SERVER afar OPTIONS (user 'courier', password '{secret}');
