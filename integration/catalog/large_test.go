package catalog

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// A large catalog: many makes so many tables of ten columns, each with a key,
// a default, a foreign key, a comment, an index, and every tenth with a view.
const many = `DO $$ BEGIN FOR i IN %d..%d LOOP
  EXECUTE pg_catalog.format('CREATE TABLE many.customer_orders_%%s (id bigint PRIMARY KEY, customer_id bigint, email varchar(120), first_name text, last_name text, created_at timestamptz DEFAULT now(), updated_at timestamptz, amount numeric(12,2) CHECK (amount >= 0), state text NOT NULL, note text)', i);
  EXECUTE pg_catalog.format('CREATE INDEX ON many.customer_orders_%%s (email)', i);
  EXECUTE pg_catalog.format('COMMENT ON COLUMN many.customer_orders_%%s.email IS ''class:contact.email''', i);
  IF i %% 10 = 0 THEN
    EXECUTE pg_catalog.format('CREATE VIEW many.recent_orders_%%1$s AS SELECT id, email, amount FROM many.customer_orders_%%1$s WHERE state = ''open''', i);
  END IF;
END LOOP; END $$`

// perBatch is how many tables one transaction makes.
const perBatch = 1000

var relations = flag.Int("relations", 1000, "how many relations the large catalog has; 50000 takes minutes to make")

// fill makes so many relations: tables and views.
func fill(t testing.TB, c connection, total int) {
	t.Helper()
	c.must(t, "CREATE SCHEMA many")
	tables := total * 10 / 11
	for from := 1; from <= tables; from += perBatch {
		c.must(t, fmt.Sprintf(many, from, min(from+perBatch-1, tables)))
	}
	c.must(t, "ANALYZE pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_depend, pg_catalog.pg_constraint")
}

// What a load takes grows with the catalog and by a bounded amount for each
// relation. The figures of 50,000 relations are in the package's doc.go.
func TestLargeCatalog(t *testing.T) {
	server := newServer(t, 15)
	fill(t, connect(t, server.SuperuserDSN(database)), *relations)
	c := look(t, server)
	load(t, c) // the server has read its catalog once

	var s *catalog.Snapshot
	began := time.Now()
	peak, left := harness.HeapOf(func() { s = load(t, c) })
	took := time.Since(began)
	began = time.Now()
	changed, err := s.Changed(t.Context(), c)
	t.Logf("%d relations: loaded in %v with a heap of %d MiB at most and %d MiB in the end; fingerprint in %v", *relations, took, peak>>20, left>>20, time.Since(began))
	if changed || err != nil {
		t.Errorf("the catalog has changed by itself: %v", err)
	}
	// 16 MiB for what every database has.
	if most := int64(16 + *relations*4/1024); peak>>20 > most || left>>20 > most {
		t.Errorf("the heap is larger than %d MiB", most)
	}
	runtime.KeepAlive(s)
}
