package transfer

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/proxy/transfer"
)

// people have a column for every kind of mask and type that a server changes on
// the way in.
const people = `CREATE TABLE people (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, tag char(20), code char(30), worth numeric(14,3), part numeric(10,4), token char(9), price numeric(12,5), doc jsonb, plain json,
  address inet, born date, seen timestamptz(2), ssid varchar(60), secret bytea, lower_email text GENERATED ALWAYS AS (lower(email)) STORED, feeling text[]);
INSERT INTO people (id, email, tag, code, worth, part, token, price, doc, plain, address, born, seen, ssid, secret, feeling) SELECT i, 'P' || i || '@Example.com', 'tag ' || i, 'code ' || i, i * 1.5, i / 3.0, 'tok' || i, i, '{"a": 1}', '{}', '10.0.0.1', date '2000-01-01' + i, now(), 'net ' || i, 'x', '{a}' FROM generate_series(1, 2000) i;
CREATE TABLE visit (id bigint PRIMARY KEY, person bigint REFERENCES people (id), email text REFERENCES people (email)); INSERT INTO visit SELECT i, i, 'P' || i || '@Example.com' FROM generate_series(1, 2000) i;
CREATE TABLE half (id integer PRIMARY KEY, email text, kind visit[]); INSERT INTO half (id, email) SELECT i, 'P' || i || '@Example.com' FROM generate_series(1, 10) i`

// masked has masks put on in binary and in text, with joins kept and both ends
// equal.
func masked(t *testing.T, p pair) {
	p.newSource(t, people+"; CREATE TYPE pair AS (a integer, b text); ALTER TABLE people ADD COLUMN both_ends pair")
	p.to.Exec(t, "restored", "CREATE TYPE shop.pair AS (a integer, b text)")
	key, err := mask.NewKey([]byte(strings.Repeat("a key of this suite ", 2)))
	if err != nil {
		t.Fatal(err)
	}
	pseudonym := func(domain string) mask.Mask { return mask.Mask{Kind: mask.Pseudonym, Domain: domain, Key: key} }
	masks := map[string]mask.Mask{
		"email": pseudonym("email"), "tag": {Kind: mask.Pseudonym, Domain: "tag", Key: key, As: mask.AsToken}, "code": {Kind: mask.Partial, KeepFirst: 2}, "worth": {Kind: mask.Band, Width: "0.5"}, "part": {Kind: mask.Band, Width: "0.25"},
		"token": {Kind: mask.Constant, Value: "none"}, "price": {Kind: mask.Constant, Value: "7"}, "doc": {Kind: mask.Constant, Value: `{"z":1,   "a":[1,2]}`}, "plain": {Kind: mask.Constant, Value: `{"z":1,   "a":[1,2]}`},
		"address": {Kind: mask.Constant, Value: "192.0.2.1/32"}, "born": {Kind: mask.Date, To: mask.Year}, "seen": {Kind: mask.Date, To: mask.Month}, "ssid": {Kind: mask.Partial}, "secret": {Kind: mask.Null},
	}
	for _, text := range []bool{false, true} {
		j := p.job("people", "visit", "half")
		j.Items[0].Masks = masks
		j.Items[1].Masks = map[string]mask.Mask{"email": pseudonym("email")}
		j.Items[2].Masks, j.Items[2].Columns = j.Items[1].Masks, []string{"id", "email"}
		if !text {
			for _, name := range strings.Fields("id email tag code worth part token price doc plain address born seen ssid secret lower_email feeling") {
				j.Items[0].Columns = append(j.Items[0].Columns, name)
			}
		}
		r := run(t, j)
		if r.Relations[0].Binary == text || !r.Relations[1].Binary {
			t.Errorf("people went in binary: %v", r.Relations[0].Binary)
		}
		p.sees(t, "SELECT count(*) FROM shop.people WHERE email LIKE '%@m.invalid' AND lower_email = lower(email) AND secret IS NULL AND token = 'none' AND price = 7.00000 AND part * 4 = round(part * 4)", "2000")
		p.sees(t, "SELECT count(DISTINCT email) || ' ' || count(DISTINCT tag) || ' ' || count(DISTINCT born) FROM shop.people", "2000 2000 6")
		p.sees(t, "SELECT count(*) FROM shop.people p JOIN shop.visit v ON v.email = p.email AND v.id = p.id LEFT JOIN shop.half h ON h.email = p.email AND h.id = p.id", "2000")
		for _, table := range []string{"people", "visit", "half"} {
			p.sees(t, "SELECT count(*) FROM shop."+table+" t WHERE t::text ILIKE '%example%' OR t::text ~ 'tok[0-9]|net '", "0")
		}
		p.empty(t)
		p.to.Exec(t, "restored", "CREATE TYPE shop.pair AS (a integer, b text)")
	}
	j := p.job("people")
	j.Items[0].Masks = map[string]mask.Mask{"email": {Kind: mask.Null}}
	fails(t, j, "shop.people.email", "NOT NULL")
	j.Items[0].Masks = map[string]mask.Mask{"emial": {Kind: mask.Null}}
	fails(t, j, "there is a mask for column emial")
	j.Items[0].Masks = map[string]mask.Mask{"lower_email": {Kind: mask.Null}}
	fails(t, j, "lower_email is to be masked, and is generated from column email")
	j.Items[0].Masks = map[string]mask.Mask{"email": {}}
	fails(t, j, "shop.people.email")
}

// parts splits tables into ranges of pages: the rows and the digest's equality do
// not depend on it.
func parts(t *testing.T, p pair) {
	p.newSource(t, `CREATE TABLE big (id bigint PRIMARY KEY, filler text); INSERT INTO big SELECT i, repeat('x', i % 300) FROM generate_series(1, 60000) i;
		CREATE TABLE little (id integer); INSERT INTO little VALUES (1)`)
	for _, streams := range []int{1, 3, 8} {
		j := p.job("big", "little")
		j.Streams, j.PartSize = streams, 64<<10
		r := run(t, j)
		if r.Relations[0].Rows != 60000 {
			t.Errorf("%d streams: %d rows", streams, r.Relations[0].Rows)
		}
		p.same(t, "big", "little")
		p.empty(t)
	}
}

// queries makes tables of what queries return.
func queries(t *testing.T, p pair) {
	p.newSource(t, simple+"; CREATE VIEW who AS SELECT id, email FROM customer; CREATE TYPE mood AS ENUM ('a', 'b')")
	j := p.job()
	grants := []transfer.Grant{{Role: analyst, Privileges: []string{"SELECT"}}}
	j.Items = []transfer.Item{
		{Query: `SELECT c.id, c.email AS mail, sum(o.total)::numeric(12,1) AS total FROM shop.customer c JOIN shop."order" o ON o.customer = c.id GROUP BY 1, 2 -- all`, TargetSchema: "shop", TargetName: "totals", Grants: grants,
			Masks: map[string]mask.Mask{"mail": {Kind: mask.Partial}}, Comments: map[string]string{"": "made", "mail": "class:contact.email"}},
		{Query: "TABLE shop.who", TargetSchema: "fresh", TargetName: "who", Grants: grants},
		{Query: "VALUES (1, 'a'::shop.mood, ARRAY['b'::shop.mood])", TargetSchema: "shop", TargetName: "v", Grants: grants},
	}
	j.Items[2].Query = "SELECT * FROM (VALUES (1, 'a'::shop.mood, ARRAY['b'::shop.mood])) v(n, m, ms)"
	run(t, j)
	p.sees(t, "SELECT count(*) || ' ' || count(*) FILTER (WHERE mail !~ '^[*]+$') FROM shop.totals", "5000 0")
	p.sees(t, "SELECT count(*) FROM fresh.who", "5000")
	p.sees(t, "SELECT m::text || ms::text FROM shop.v", "a{b}")
	p.sees(t, "SELECT col_description('shop.totals'::regclass, 2)", "class:contact.email")
	for query, words := range map[string]string{
		"SELECT 1":                               "has no name of its own",
		"SELECT 1 AS a, 2 AS a":                  "has no name of its own",
		"SELECT 1 AS a; SELECT 2":                "cannot insert multiple commands",
		"SELECT 1 AS a) TO STDOUT; DROP x":       "syntax error",
		"DELETE FROM shop.customer":              "returns no columns",
		"DELETE FROM shop.customer RETURNING id": "read-only transaction",
		"SELECT pg_catalog.set_config('a.b', 'c', false) AS x, 1 / (id - 1) AS y FROM shop.customer": "division by zero",
		"SELECT * FROM nowhere": "does not exist",
	} {
		j := p.job()
		j.Items = []transfer.Item{{Query: query, TargetSchema: "shop", TargetName: "q"}}
		if words == "division by zero" {
			words = "withheld"
		}
		fails(t, j, words)
	}
}
