CREATE SCHEMA app;
CREATE SCHEMA other;
CREATE TYPE app.addr AS (street text, city text);
CREATE TABLE app.users (id text, email text, name text, phone text, boss text, note text);
CREATE TABLE app.orders (id text, user_id text, email text, total text, note text);
CREATE TABLE app.items (order_id text, id text, sku text, price text, dropped text, label text);
ALTER TABLE app.items DROP COLUMN dropped;
CREATE TABLE other.users (id text, token text, email text);
CREATE TABLE app.made (id text, email text, low text GENERATED ALWAYS AS (lower(email)) STORED, note text);
CREATE TABLE app.logs (id text, region text, line text) PARTITION BY LIST (region);
CREATE TABLE app.logs_a (line text, region text, id text);
ALTER TABLE app.logs ATTACH PARTITION app.logs_a FOR VALUES IN ('a');
CREATE TABLE app.logs_b PARTITION OF app.logs DEFAULT;
CREATE TABLE app.base (id text, name text);
CREATE TABLE app.derived (secret text) INHERITS (app.base);
CREATE TABLE app.places (id text, home app.addr, tags text[]);
CREATE VIEW app.v_users AS SELECT id, email AS mail, upper(name) AS name, boss FROM app.users WHERE note IS NOT NULL;
CREATE VIEW app.v_orders (id, mail, who, total) AS
  SELECT o.id, u.mail, coalesce(u.name, o.email), o.total FROM app.orders o LEFT JOIN app.v_users u ON u.id = o.user_id;
CREATE VIEW app.v_union AS SELECT id, email AS x FROM app.users UNION ALL SELECT id, sku FROM app.items;
CREATE VIEW app.v_tree AS
  WITH RECURSIVE t(id, path) AS (
    SELECT id, name FROM app.users WHERE boss IS NULL
    UNION ALL SELECT u.id, t.path || '/' || u.name FROM app.users u JOIN t ON u.boss = t.id)
  SELECT * FROM t;
CREATE VIEW app.v_using AS SELECT * FROM app.users JOIN app.orders o (id, user_id, email, total, memo) USING (id, email);
CREATE VIEW app.v_row AS SELECT u.id, row_to_json(u)::text AS doc FROM app.users u;
CREATE MATERIALIZED VIEW app.m_users AS SELECT id, mail || '' AS mail FROM app.v_users;

INSERT INTO app.users VALUES ('1', 'e1', 'n1', 'p1', NULL, 'o1'), ('2', 'e2', 'n2', 'p2', '1', 'o2'), ('3', 'e3', 'n3', 'p3', '2', NULL);
INSERT INTO app.orders VALUES ('1', '1', 'e1', 't1', 'q1'), ('2', '1', 'e2', 't2', NULL), ('3', '3', 'e9', 't3', 'q3');
INSERT INTO app.items VALUES ('1', '1', 's1', 'c1', 'l1'), ('1', '2', 's2', 'c2', 'l2'), ('2', '3', 's3', 'c3', NULL);
INSERT INTO other.users VALUES ('1', 'k1', 'e1'), ('2', 'k2', 'x2');
INSERT INTO app.made (id, email, note) VALUES ('1', 'E1', 'm1'), ('2', 'E2', 'm2');
INSERT INTO app.logs VALUES ('1', 'a', 'g1'), ('2', 'z', 'g2');
INSERT INTO app.base VALUES ('1', 'b1');
INSERT INTO app.derived VALUES ('2', 'd2', 'z2');
INSERT INTO app.places VALUES ('1', ROW('r1', 'y1'), ARRAY['w1', 'w2']), ('2', ROW('r2', 'y2'), ARRAY['w3']);
REFRESH MATERIALIZED VIEW app.m_users;
