package transfer

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/proxy/transfer"
)

// The roles of the suite.
const (
	readerRole  = "reads" // at the source; it logs in and may read
	carrierRole = "carries"
	ownerRole   = "sluice_owner"
	analyst     = "analyst"
)

// setUp is what a destination's DBA runs once.
const setUp = `CREATE ROLE sluice_owner NOLOGIN; CREATE ROLE carries LOGIN PASSWORD 'carries it' IN ROLE sluice_owner;
CREATE ROLE analyst LOGIN PASSWORD 'analyses it'; CREATE ROLE auditor`

const setUpDatabase = `GRANT CREATE ON DATABASE restored TO sluice_owner; CREATE SCHEMA sluice AUTHORIZATION sluice_owner; SET ROLE sluice_owner;
CREATE TABLE sluice.lease (copy text PRIMARY KEY, valid_until timestamptz NOT NULL); GRANT USAGE ON SCHEMA sluice TO PUBLIC; GRANT SELECT ON sluice.lease TO PUBLIC; RESET ROLE;
CREATE SCHEMA shop AUTHORIZATION sluice_owner; GRANT USAGE ON SCHEMA shop TO analyst`

// pair is a source and a destination.
type pair struct{ from, to *harness.World }

// server starts one for both uses.
func server(t testing.TB, version int) *harness.World {
	t.Helper()
	w := harness.NewWorldWith(t, version, map[string]string{"max_connections": "60", "max_wal_size": "4GB"})
	w.Exec(t, "postgres", setUp+"; CREATE ROLE reads LOGIN PASSWORD 'reads it'; ALTER ROLE reads SET statement_timeout = '5min'")
	w.Exec(t, "restored", setUpDatabase)
	return w
}

// newDestination makes the database restored anew.
func (p pair) newDestination(t testing.TB) {
	t.Helper()
	p.to.Exec(t, "postgres", "DROP DATABASE IF EXISTS restored WITH (FORCE)")
	p.to.Exec(t, "postgres", "CREATE DATABASE restored TEMPLATE template0")
	p.to.Exec(t, "restored", setUpDatabase)
}

// empty makes the destination as good as new.
func (p pair) empty(t testing.TB) {
	t.Helper()
	p.to.Exec(t, "restored", "DROP SCHEMA shop CASCADE; CREATE SCHEMA shop AUTHORIZATION sluice_owner; GRANT USAGE ON SCHEMA shop TO analyst; TRUNCATE sluice.lease")
}

// newSource makes the database source anew, with a schema that reads may read.
func (p pair) newSource(t testing.TB, sql string) {
	t.Helper()
	p.from.Exec(t, "postgres", "DROP DATABASE IF EXISTS source WITH (FORCE)")
	p.from.Exec(t, "postgres", "CREATE DATABASE source TEMPLATE template0")
	p.from.Exec(t, "source", "CREATE SCHEMA shop; SET search_path = shop, public; "+sql)
	p.from.Exec(t, "source", "GRANT USAGE ON SCHEMA shop TO reads; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reads; GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO reads")
}

// opener logs in over TCP.
func opener(s *pgserver.Server, user, password, database string) transfer.Opener {
	return func(ctx context.Context) (*pgconn.PgConn, error) {
		return pgconn.Connect(ctx, s.DSN(user, password, database))
	}
}

func (p pair) source() transfer.Opener {
	return opener(p.from.Server, readerRole, "reads it", "source")
}

func (p pair) destination() transfer.Opener {
	return opener(p.to.Server, carrierRole, "carries it", "restored")
}

// newID makes the id of a copy.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// job is a copy of tables of the schema shop.
func (p pair) job(tables ...string) transfer.Job {
	j := p.jobOf(tables...)
	j.Source, j.Destination = p.source(), p.destination()
	return j
}

// jobOf is a job without its ends.
func (pair) jobOf(tables ...string) transfer.Job {
	j := transfer.Job{
		Copy: newID(), Owner: ownerRole, LeaseUntil: time.Now().Add(time.Hour),
		Roles: func(role string) []string {
			if role == readerRole {
				return []string{analyst}
			}
			return nil
		},
	}
	for _, name := range tables {
		j.Items = append(j.Items, transfer.Item{Schema: "shop", Name: name, Grants: []transfer.Grant{{Role: analyst, Privileges: []string{"SELECT"}}}})
	}
	return j
}

// run makes a copy that has to succeed.
func run(t testing.TB, j transfer.Job) *transfer.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	receipt, err := transfer.Run(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// content is a digest of a table's rows, by the server.
func content(t testing.TB, w *harness.World, database, table string) string {
	t.Helper()
	rows := w.Query(t, database, "SET extra_float_digits = 3; SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(r::text), '' ORDER BY md5(r::text))), '') FROM "+table+" r")
	return rows[0][0]
}

// same compares the tables at both ends.
func (p pair) same(t testing.TB, tables ...string) {
	t.Helper()
	for _, name := range tables {
		was, is := content(t, p.from, "source", "shop."+name), content(t, p.to, "restored", "shop."+name)
		if was != is {
			t.Errorf("%s was %s and is %s", name, was, is)
		}
	}
}

// nothingLeft makes sure that no copy has left anything but what is published.
func (p pair) nothingLeft(t testing.TB) {
	t.Helper()
	if rows := p.to.Query(t, "restored", "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'sluice\\_stage%'"); len(rows) > 0 {
		t.Errorf("left behind: %v", rows)
	}
}

// versionPairs are what a copy is made from and to: unless versions are asked for, the
// same, and from the oldest to the newest; else each to the same, to the next, and
// from the newest back to the oldest.
func versionPairs(t *testing.T) [][2]int {
	t.Helper()
	asked := harness.VersionsOr(t)
	if len(asked) == 0 {
		return [][2]int{{15, 15}, {13, 18}}
	}
	var out [][2]int
	for i, v := range asked {
		out = append(out, [2]int{v, v})
		if next := asked[(i+1)%len(asked)]; next != v {
			out = append(out, [2]int{v, next})
		}
	}
	return out
}

// scenario is a test that needs a source and a destination.
type scenario struct {
	name string
	test func(t *testing.T, p pair)
	// once has it run on the first pair only: it is about the engine and not about
	// versions.
	once bool
}

var scenarios = []scenario{
	{"a set", aSet, false},
	{"every kind of table", everyKind, false},
	{"beside pg_dump", dumped, true},
	{"a lease", aLease, false},
	{"no lease", noLease, true},
	{"existing tables", existing, false},
	{"more rows for partitions", appendParts, true},
	{"hooks", checked, true},
	{"default privileges", hostile, false},
	{"a destination that changes rows", changesRows, true},
	{"event triggers", eventTriggers, true},
	{"random schemas", randomSchemas, false},
	{"masks", masked, false},
	{"parts of tables", parts, false},
	{"queries", queries, false},
	{"columns and rows", someColumns, true},
	{"what cannot be carried", refused, false},
	{"types of the destination", ownTypes, true},
	{"extensions", extensions, true},
	{"rights of the reader", readersRights, true},
	{"long rows", longRows, true},
	{"network cuts", networkCuts, true},
	{"cuts of the commit", commitCuts, true},
	{"a cut that the server does not notice", unnoticed, true},
	{"killed backends", killed, true},
	{"cancelled", cancelled, true},
	{"cancelled while publishing", cancelledWhilePublishing, true},
	{"hooks that end the transaction", brokenHook, true},
	{"crashes", crashes, true},
}

func TestCopies(t *testing.T) {
	for i, v := range versionPairs(t) {
		t.Run(fmt.Sprintf("%d to %d", v[0], v[1]), func(t *testing.T) {
			p := pair{from: server(t, v[0])}
			if p.to = p.from; v[1] != v[0] {
				p.to = server(t, v[1])
			}
			for _, s := range scenarios {
				if s.once && i > 0 {
					continue
				}
				t.Run(s.name, func(t *testing.T) {
					p.newDestination(t)
					s.test(t, p)
					p.nothingLeft(t)
				})
			}
		})
	}
}
