package demo

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/examples/demo/tenant"
	"github.com/sluice-pg/sluice/policy"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests got into testdata")

// start starts the servers for one test.
func start(t *testing.T) *Servers {
	t.Helper()
	s, err := Start(t.Context(), "", t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestShop(t *testing.T) {
	s := start(t)
	t.Run("data", func(t *testing.T) { testData(t, s) })
	t.Run("schema", func(t *testing.T) { testSchema(t, s) })
}

// The data is the same on every machine and every day.
func testData(t *testing.T, s *Servers) {
	rows, err := s.Shop.Query(t.Context(), "shop",
		`SELECT c.relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, row := range rows {
		one, err := s.Shop.Query(t.Context(), "shop", fmt.Sprintf(
			`SET timezone = 'UTC'; SELECT count(*), md5(string_agg(t::text, E'\n' ORDER BY t::text COLLATE "C")) FROM public.%q t`, row[0]))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%-18s %5s rows  %s\n", row[0], one[0][0], one[0][1])
	}
	compare(t, "testdata/data.txt", got.String())
}

// Every column that holds personal data names its class, and nobody has
// rights only by being somebody.
func testSchema(t *testing.T, s *Servers) {
	var got strings.Builder
	for _, part := range []struct{ title, sql string }{
		{"classes", `SELECT attrelid::regclass || '.' || attname, col_description(attrelid, attnum)
			FROM pg_attribute WHERE col_description(attrelid, attnum) LIKE 'class:%' AND attrelid::regclass::text !~ '^pg_' ORDER BY 1`},
		{"rights of PUBLIC on tables", `SELECT c.oid::regclass FROM pg_class c, aclexplode(relacl) a
			WHERE a.grantee = 0 AND relnamespace = 'public'::regnamespace ORDER BY 1`},
		{"rights of PUBLIC on the database and the schema", `SELECT privilege_type FROM (
			SELECT datacl AS acl FROM pg_database WHERE datname = 'shop'
			UNION ALL SELECT nspacl FROM pg_namespace WHERE nspname = 'public') x, aclexplode(acl) a WHERE a.grantee = 0 ORDER BY 1`},
		{"groups of shop_app", `SELECT roleid::regrole FROM pg_auth_members WHERE member = 'shop_app'::regrole ORDER BY roleid::regrole::text`},
		{"extensions", `SELECT extname FROM pg_extension ORDER BY 1`},
	} {
		fmt.Fprintln(&got, part.title)
		rows, err := s.Shop.Query(t.Context(), "shop", part.sql)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			fmt.Fprintln(&got, "  "+strings.Join(row, " "))
		}
	}
	compare(t, "testdata/schema.txt", got.String())
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", file, diff)
	}
}

// The policy that is made for a run is one that Sluice reads, with both
// places where they are.
func TestPolicy(t *testing.T) {
	text, err := policyFor(40001, `/a "folder"\with: odd characters/ca.pem`, 40002)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse("policy.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []policy.PlaceDef{
		{Name: "analytics", Host: "127.0.0.1", Port: 40001, Database: "analytics", CA: `/a "folder"\with: odd characters/ca.pem`},
		{Name: "sandbox", Host: "127.0.0.1", Port: 40002, Database: "sandbox"},
	} {
		got, found := p.Place(want.Host, want.Port)
		if !found || got.Name != want.Name || got.Database != want.Database || got.CA != want.CA {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if p, err = policy.Parse("policy.yaml", append(text, leases...)); err != nil {
		t.Fatal(err)
	}
	terms, refused := p.Lease(policy.Identity{User: user, Method: "scram-sha-256"}, policy.Session{Database: "shop", Address: "127.0.0.1"})
	if refused != nil || terms.Role != tenant.SessionRole || terms.Group != group {
		t.Errorf("with Vault, %s gets %+v, %v", user, terms, refused)
	}
}
