package classify

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/sluice-pg/sluice/integration/harness"
)

var rewrite = flag.Bool("rewrite", false, "write what sluice classify says into testdata")

func TestClassify(t *testing.T) {
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := newStage(t, version)
			t.Run("reports", func(t *testing.T) { testReports(t, s) })
			t.Run("acceptance", func(t *testing.T) { testAcceptance(t, s) })
			t.Run("values are not asked for", func(t *testing.T) { testNoValues(t, s) })
			t.Run("with Vault", func(t *testing.T) { testVault(t, s) })
			t.Run("usage", func(t *testing.T) { testUsage(t, s) })
		})
	}
}

// testReports compares what is said of both databases, with a table locked by
// somebody else.
func testReports(t *testing.T, s *stage) {
	unlock := s.lock(t, "odd", "public.locked")
	defer unlock()
	for _, name := range []string{"demo", "odd"} {
		code, out, errs := s.run(t, "--all", name)
		if code != 0 || errs != "" {
			t.Errorf("%s: exit %d, %s", name, code, errs)
		}
		compare(t, "testdata/"+name+".txt", out)
	}
}

// lock holds a table so that nobody can read it.
func (s *stage) lock(t *testing.T, database, table string) func() {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.World.Server.SuperuserDSN(database))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE "+table); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	for _, value := range []string{"kanarie", "example.", "4111", "DE89", "eyJ", "10.0.0.1"} {
		if strings.Contains(got, value) {
			t.Errorf("a value is in the report for %s: %s", path, value)
		}
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(harness.ReadFile(t, path), got); diff != "" {
		t.Errorf("%s (-rewrite writes it):\n%s", path, diff)
	}
}

// testAcceptance goes the way of somebody who begins: CI fails, a fragment is
// written, read, accepted; then CI passes, until there is a new column.
func testAcceptance(t *testing.T, s *stage) {
	const policyFile = "policy.yaml"
	defer s.Write(t, policyFile, "version: 1\n")
	code, out, errs := s.run(t, "--check", "--write", "fragment.yaml", "demo")
	if code != 3 || !strings.Contains(errs, "columns without a class") || !strings.Contains(out, "no class") {
		t.Fatalf("exit %d, %s%s", code, out, errs)
	}
	if code, _, errs := s.run(t, "--write", "fragment.yaml", "demo"); code != 1 || !strings.Contains(errs, "fragment.yaml: file exists") {
		t.Errorf("a file was written over: exit %d, %s", code, errs)
	}
	fragment := harness.ReadFile(t, s.Path("fragment.yaml"))
	compare(t, "testdata/fragment.txt", fragment)
	s.Write(t, policyFile, "version: 1\n"+fragment)
	if code, _, _ := s.run(t, "--check", "demo"); code != 3 {
		t.Errorf("what nobody has looked at passes: exit %d", code)
	}
	s.Write(t, policyFile, "version: 1\n"+strings.ReplaceAll(fragment, "\n  # - {", "\n  - {"))
	if code, out, errs := s.run(t, "--check", "--strict", "demo"); code != 0 {
		t.Errorf("what was accepted fails: exit %d, %s%s", code, out, errs)
	}
	s.World.Exec(t, "demo", "ALTER TABLE public.products ADD COLUMN added text")
	code, out, _ = s.run(t, "--check", "demo")
	if code != 3 || !strings.Contains(out, "added text: no class") || strings.Contains(out, "sku") {
		t.Errorf("a new column: exit %d, %s", code, out)
	}
	s.World.Exec(t, "demo", "COMMENT ON COLUMN public.products.added IS 'class:none'")
	if code, out, _ := s.run(t, "--check", "demo"); code != 0 {
		t.Errorf("a comment is not seen: exit %d, %s", code, out)
	}
	s.World.Exec(t, "demo", "ALTER TABLE public.products DROP COLUMN added; COMMENT ON COLUMN public.users.email IS 'class:health.body'")
	defer s.World.Exec(t, "demo", "COMMENT ON COLUMN public.users.email IS 'class:contact.email'")
	if code, _, errs := s.run(t, "--check", "--strict", "demo"); code != 3 || !strings.Contains(errs, "speaks against the class of 1 column") {
		t.Errorf("a wrong class: exit %d, %s", code, errs)
	}
	if code, _, _ := s.run(t, "--check", "demo"); code != 0 {
		t.Errorf("a wrong class is a class: exit %d", code)
	}
}

// testNoValues shows that with --rows 0 no value is looked at.
func testNoValues(t *testing.T, s *stage) {
	code, out, errs := s.run(t, "--rows", "0", "--format", "json", "odd")
	var r struct {
		Columns []struct {
			Column, Note string
			Values       int
		}
	}
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
		t.Fatalf("exit %d, %v, %s", code, err, errs)
	}
	for _, e := range r.Columns {
		if e.Values != 0 || e.Note == "" {
			t.Errorf("%s: %d values, %q", e.Column, e.Values, e.Note)
		}
	}
	if len(r.Columns) < 30 {
		t.Errorf("%d columns", len(r.Columns))
	}
}

func testUsage(t *testing.T, s *stage) {
	for _, one := range []struct {
		code int
		says string
		args string
	}{
		{2, "takes one DATABASE", ""},
		{2, "takes one DATABASE", "demo odd"},
		{2, `no database "shop"; it has demo, odd`, "shop"},
		{2, "is not text or json", "--format yaml demo"},
		{2, "fewer than none", "--rows -1 demo"},
		{2, "need some", "--time 0s demo"},
		{2, "without --check", "--strict demo"},
		{2, "standard output", "--write - --format json demo"},
		{5, "misspelled.yaml", "--policy misspelled.yaml demo"},
	} {
		s.Write(t, "misspelled.yaml", "version: 1\nrulez: []\n")
		code, _, errs := s.run(t, strings.Fields(one.args)...)
		if code != one.code || !strings.Contains(errs, one.says) {
			t.Errorf("classify %s: exit %d, %s", one.args, code, errs)
		}
	}
	if code, out, _ := s.run(t, "--write", "-", "demo"); code != 0 || !strings.HasPrefix(out, "# Suggested by") {
		t.Errorf("exit %d, %s", code, out)
	}
}
