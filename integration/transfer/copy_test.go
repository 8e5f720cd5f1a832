package transfer

import (
	"testing"
)

const simple = `CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, name varchar(40), born date, balance numeric(12,2) DEFAULT 0,
  active boolean DEFAULT true, note char(8), tags text[], settings jsonb, CHECK (balance >= 0));
COMMENT ON TABLE customer IS 'who buys'; COMMENT ON COLUMN customer.email IS 'class:contact.email';
INSERT INTO customer (email, name, born, balance, note, tags, settings) SELECT 'c' || i || '@example.com', 'Name ' || i, date '1970-01-01' + i, i / 7.0, 'n' || i % 10, ARRAY['a', 'b' || i], jsonb_build_object('k', i)
  FROM generate_series(1, 5000) i;
CREATE TABLE "order" (id serial PRIMARY KEY, customer bigint NOT NULL REFERENCES customer, at timestamptz NOT NULL, total double precision, gross double precision GENERATED ALWAYS AS (total * 1.19) STORED);
INSERT INTO "order" (customer, at, total) SELECT 1 + i % 5000, timestamptz '2024-01-01' + i * interval '1 min', i * 1.1 FROM generate_series(1, 20000) i;
CREATE INDEX order_at ON "order" (at DESC) WHERE total > 10; CREATE INDEX order_customer ON "order" (customer)`

func aSet(t *testing.T, p pair) {
	p.newSource(t, simple)
	r := run(t, p.job("customer", "order"))
	p.same(t, "customer", `"order"`)
	for _, x := range r.Relations {
		if !x.Binary {
			t.Errorf("%s was not copied in binary", x.Name)
		}
	}
}
