-- The shop that the texts of the corpus speak about. Everything belongs to
-- shop_app, who is nobody special.
SET ROLE shop_app;

CREATE SCHEMA sales;
CREATE SCHEMA reports;
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE DOMAIN percent AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);

CREATE TABLE teams (id bigserial PRIMARY KEY, name text UNIQUE, plan text DEFAULT 'free');
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email text UNIQUE, name text, nickname text, country text, role text DEFAULT 'member',
    active boolean DEFAULT true, admin boolean DEFAULT false, password_digest text,
    settings jsonb DEFAULT '{}', tags text[] DEFAULT '{}', balance numeric(12, 2) DEFAULT 0, born date,
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), deleted_at timestamptz,
    team_id bigint REFERENCES teams
);
CREATE TABLE categories (id bigserial PRIMARY KEY, parent_id bigint REFERENCES categories, name text);
CREATE TABLE products (
    id bigserial PRIMARY KEY, sku text UNIQUE, name text, price numeric(10, 2) DEFAULT 0, stock integer DEFAULT 0,
    category_id bigint REFERENCES categories, attributes jsonb DEFAULT '{}', description text, search tsvector
);
CREATE TABLE orders (
    id bigserial PRIMARY KEY, user_id bigint REFERENCES users, state text DEFAULT 'open', total numeric(10, 2) DEFAULT 0,
    placed_at timestamptz DEFAULT now(), note text, version integer DEFAULT 0
);
CREATE INDEX orders_open ON orders (placed_at) WHERE state = 'open';
CREATE TABLE order_items (
    id bigserial PRIMARY KEY, order_id bigint REFERENCES orders, product_id bigint REFERENCES products,
    quantity integer DEFAULT 1, price numeric(10, 2) DEFAULT 0
);
CREATE TABLE devices (id bigserial PRIMARY KEY, user_id bigint REFERENCES users, name text, ssid text, location point);
CREATE TABLE events (id bigserial, user_id bigint, kind text, payload jsonb, at timestamptz DEFAULT now()) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE jobs (
    id bigserial PRIMARY KEY, queue text, payload jsonb, run_at timestamptz DEFAULT now(), locked_at timestamptz,
    locked_by text, attempts integer DEFAULT 0, priority integer DEFAULT 0, state text DEFAULT 'ready'
);
CREATE TABLE sessions (id text PRIMARY KEY, user_id bigint, data bytea, expires_at timestamptz);
CREATE TABLE posts (id bigserial PRIMARY KEY, user_id bigint REFERENCES users, title text, body text, published_at timestamptz, views integer);
CREATE TABLE comments (id bigserial PRIMARY KEY, post_id bigint REFERENCES posts, user_id bigint, body text);
CREATE TABLE tags (id bigserial PRIMARY KEY, name text);
CREATE TABLE posts_tags (post_id bigint, tag_id bigint, PRIMARY KEY (post_id, tag_id));
CREATE TABLE settings (key text PRIMARY KEY, value jsonb);
CREATE TABLE audit_log (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), who text DEFAULT current_user, what text);
CREATE TABLE staging (id bigserial PRIMARY KEY, body text);
CREATE TABLE accounts (id bigint PRIMARY KEY, balance numeric DEFAULT 0);
CREATE TABLE notes (id integer PRIMARY KEY, owner text DEFAULT current_user, body text);
CREATE TABLE "Odd Name" ("A column" integer, "select" text);
CREATE TABLE sales.orders (id bigint, user_id bigint, amount numeric);
CREATE TABLE reports.daily (day date, total numeric);
CREATE TABLE schema_migrations (version text PRIMARY KEY);
CREATE TABLE django_migrations (id bigserial PRIMARY KEY, app text, name text, applied timestamptz);
CREATE TABLE alembic_version (version_num text PRIMARY KEY);
CREATE SEQUENCE order_number;

CREATE VIEW open_orders AS SELECT id, user_id, total FROM orders WHERE state = 'open';
CREATE MATERIALIZED VIEW monthly_totals AS SELECT date_trunc('month', placed_at) AS month, sum(total) AS total FROM orders GROUP BY 1;
CREATE UNIQUE INDEX ON monthly_totals (month);
CREATE FUNCTION sales.add_tax(amount numeric, rate numeric DEFAULT 0.2) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT amount * (1 + rate)';

INSERT INTO teams (name) VALUES ('core'), ('field');
INSERT INTO users (email, name, country, team_id, tags, settings)
SELECT 'user' || i || '@example.net', 'User ' || i, CASE i % 3 WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' ELSE 'US' END, 1 + i % 2, ARRAY['a', 'b'], jsonb_build_object('n', i)
FROM generate_series(1, 30) AS i;
INSERT INTO categories (parent_id, name) VALUES (NULL, 'cameras'), (1, 'outdoor'), (1, 'indoor');
INSERT INTO products (sku, name, price, stock, category_id) SELECT 'SKU-' || i, 'Cam ' || i, i, i, 1 + i % 3 FROM generate_series(1, 10) AS i;
INSERT INTO orders (user_id, total) SELECT i, i * 1.5 FROM generate_series(1, 30) AS i;
INSERT INTO order_items (order_id, product_id) SELECT i, 1 + i % 10 FROM generate_series(1, 30) AS i;
INSERT INTO events (user_id, kind, payload, at) SELECT i, 'login', '{}', timestamptz '2024-06-01' + i * interval '20 days' FROM generate_series(1, 20) AS i;
INSERT INTO accounts VALUES (1, 100), (2, 100);
INSERT INTO settings VALUES ('app', '{"limits": {}}');
