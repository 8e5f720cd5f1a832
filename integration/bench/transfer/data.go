package main

import (
	"context"
	"fmt"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

// tables are those that are copied, referred to before they refer.
var tables = []string{"account", "item", "sale", "reading", "document"}

// schema has tables of the kinds that production has: narrow and wide rows, keys,
// several indexes, foreign keys.
const schema = `CREATE TABLE account (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name varchar(80), phone text, born date, created timestamptz NOT NULL, balance numeric(12,2), active boolean, settings jsonb);
CREATE TABLE item (id integer PRIMARY KEY, sku uuid NOT NULL, title text, price numeric(10,2));
CREATE TABLE sale (id bigint PRIMARY KEY, account bigint NOT NULL, item integer NOT NULL, at timestamptz NOT NULL, amount integer, total numeric(12,2), state smallint, note text);
CREATE TABLE reading (device integer, at timestamptz, temperature double precision, humidity real, battery smallint, seq bigint);
CREATE TABLE document (id bigint PRIMARY KEY, account bigint NOT NULL, title text, body text, digest bytea)`

// behind is what is made once the rows are there.
const behind = `CREATE INDEX account_created ON account (created);
CREATE INDEX sale_account ON sale (account); CREATE INDEX sale_at ON sale (at); CREATE INDEX sale_state ON sale (state) WHERE state > 7;
CREATE INDEX reading_device_at ON reading (device, at); CREATE INDEX reading_at ON reading USING brin (at);
CREATE INDEX document_account ON document (account); CREATE INDEX document_title ON document (lower(title));
ALTER TABLE sale ADD FOREIGN KEY (account) REFERENCES account; ALTER TABLE sale ADD FOREIGN KEY (item) REFERENCES item;
ALTER TABLE document ADD FOREIGN KEY (account) REFERENCES account`

// rows are how many rows each table has for a megabyte of everything.
var rows = map[string]int{"account": 700, "item": 50, "sale": 3500, "reading": 4500, "document": 180}

var fill = map[string]string{
	"account": `SELECT i, 'user' || i || '@example.com', 'Somebody Number ' || i, '+49 30 ' || (i * 7919::bigint %% 9999999), date '1950-01-01' + i %% 20000, timestamptz '2020-01-01' + i * interval '7 s', i %% 100000 / 7.0, i %% 3 = 0,
		jsonb_build_object('theme', CASE i %% 2 WHEN 0 THEN 'dark' ELSE 'light' END, 'n', i) FROM generate_series(1, %[1]d) i`,
	"item":     `SELECT i, gen_random_uuid(), 'Item ' || i, i / 10.0 FROM generate_series(1, %[1]d) i`,
	"sale":     `SELECT i, 1 + (i * 7919::bigint) %% %[2]d, 1 + (i * 31::bigint) %% %[3]d, timestamptz '2021-01-01' + i * interval '3 s', i %% 9, i %% 10000 / 3.0, i %% 10, CASE WHEN i %% 4 = 0 THEN 'note ' || i END FROM generate_series(1, %[1]d) i`,
	"reading":  `SELECT i %% 5000, timestamptz '2022-01-01' + i * interval '100 ms', 20 + sin(i), 50 + i %% 100 / 3.0, i %% 100, i FROM generate_series(1, %[1]d) i`,
	"document": `SELECT i, 1 + (i * 104729::bigint) %% %[2]d, 'Title of document ' || i, repeat(md5(i::text), 10 + i %% 100), sha256(i::text::bytea) FROM generate_series(1, %[1]d) i`,
}

// load fills the source with about so many megabytes.
func load(ctx context.Context, s *pgserver.Server, megabytes int) error {
	if err := s.Exec(ctx, "shop", schema); err != nil {
		return err
	}
	count := func(table string) int { return rows[table] * megabytes }
	for _, t := range tables {
		if err := s.Exec(ctx, "shop", fmt.Sprintf("INSERT INTO "+t+" "+fill[t], count(t), count("account"), count("item"))); err != nil {
			return fmt.Errorf("fill %s: %w", t, err)
		}
	}
	if err := s.Exec(ctx, "shop", behind); err != nil {
		return err
	}
	return s.Exec(ctx, "shop", "VACUUM ANALYZE")
}

// content is a digest of all tables of a database, by the server.
func content(ctx context.Context, s *pgserver.Server, database string) (string, error) {
	out := ""
	for _, t := range tables {
		r, err := s.Query(ctx, database, "SELECT count(*) || ' ' || sum(hashtextextended(r::text, 7)::numeric) || ' ' || (SELECT count(*) FROM pg_index WHERE indrelid = '"+t+"'::regclass AND indisvalid) || ' ' ||"+
			" (SELECT count(*) FROM pg_constraint WHERE conrelid = '"+t+"'::regclass AND convalidated AND contype IN ('p', 'u', 'f')) FROM "+t+" r")
		if err != nil {
			return "", err
		}
		out += t + " " + r[0][0] + "\n"
	}
	return out, nil
}
