package protection

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/protection"
)

var (
	relations = flag.Int("relations", 2000, "how many relations the large database has; 50000 takes minutes to make")
	people    = flag.Int("people", 300, "how many roles it has")
)

// fill makes roles, a tenth of them groups that the others are members of, and
// relations of ten columns: every tenth is a view, every tenth has row
// security, every third is granted to a group, some columns are too.
func fill(t testing.TB, c connection) {
	t.Helper()
	groups := *people / 10
	c.must(t, fmt.Sprintf(`DO $$ BEGIN
FOR i IN 0..%d LOOP EXECUTE format('CREATE ROLE g%%s', i); END LOOP;
FOR i IN 0..%d LOOP EXECUTE format('CREATE ROLE l%%s LOGIN IN ROLE g%%s, g%%s', i, i %% %d, (i * 7) %% %d); END LOOP; END $$`,
		groups-1, *people-groups-1, groups, groups))
	c.must(t, "CREATE SCHEMA many; GRANT USAGE ON SCHEMA many TO PUBLIC; CREATE TABLE many.everybodys (a int, b int, c int); GRANT SELECT ON many.everybodys TO PUBLIC")
	const batch = 1000
	for from := 1; from <= *relations; from += batch {
		c.must(t, fmt.Sprintf(`DO $$ BEGIN FOR i IN %d..%d LOOP
IF i %% 10 = 0 THEN EXECUTE format('CREATE VIEW many.r%%s AS SELECT id, email FROM many.r%%s', i, i - 1);
ELSE EXECUTE format('CREATE TABLE many.r%%s (id bigint, customer_id bigint, email varchar(120), first_name text, last_name text, created_at timestamptz, updated_at timestamptz, amount numeric(12,2), state text, note text)', i); END IF;
IF i %% 3 = 0 THEN EXECUTE format('GRANT SELECT ON many.r%%s TO g%%s', i, i %% %d); END IF;
IF i %% 10 = 5 THEN EXECUTE format('GRANT SELECT (id, email) ON many.r%%s TO g%%s', i, (i + 1) %% %d);
EXECUTE format('ALTER TABLE many.r%%s ENABLE ROW LEVEL SECURITY', i);
EXECUTE format('CREATE POLICY p ON many.r%%s USING (customer_id = current_setting(''app.customer'')::bigint)', i); END IF;
END LOOP; END $$`, from, min(from+batch-1, *relations), groups, groups))
	}
	c.must(t, "ANALYZE pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_depend, pg_catalog.pg_rewrite, pg_catalog.pg_policy")
}

// What a load takes grows with the catalog by a bounded amount for each
// relation, and so does a verdict with the number of roles. The figures of
// 50,000 relations and 1,000 roles are in the package's doc.go.
func TestLargeDatabase(t *testing.T) {
	server := newServer(t, 15)
	fill(t, root(t, server, database))
	c := look(t, server, database)
	load(t, c) // the server has read its catalog once

	var s *protection.Server
	began := time.Now()
	peak, left := harness.HeapOf(func() { s = load(t, c) })
	took := time.Since(began)
	t.Logf("%d relations, %d roles: loaded in %v with a heap of %d MiB at most and %d MiB in the end", *relations, *people, took, peak>>20, left>>20)
	if most := int64(16 + *relations*3/1024 + *people/50); peak>>20 > 2*most || left>>20 > most {
		t.Errorf("the heap is larger than %d MiB, or twice that in between", most)
	}
	subjects, err := protection.ParseSubjects(map[string][]string{"people": {"l*"}, "operator": {"postgres"}})
	if err != nil {
		t.Fatal(err)
	}
	place := protection.Place{Subjects: subjects, Entry: func(string) protection.Entry { return protection.Entry{Authentication: 40, Transport: 10, Known: true} }}
	for _, name := range []string{"many.everybodys", "many.r15", "many.r9"} {
		r := relation(t, s, name)
		began = time.Now()
		readers, _ := s.Readers(r)
		ways := time.Since(began)
		began = time.Now()
		facts := protection.Destination(s, r, place, nil)
		verdict := protection.Compare(protection.Source(s, r, place, nil), facts, protection.Rules{})
		t.Logf("%s: %d ways to read in %v; %d facts and %v in %v", name, len(readers), ways, len(facts.Facts), verdict.Outcome, time.Since(began))
		if whole := time.Since(began); whole > 2*time.Second {
			t.Errorf("a verdict on %s takes %v", name, whole)
		}
	}
	runtime.KeepAlive(s)
}
