package transfer

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dump is what pg_dump writes of the schema shop.
func dump(t testing.TB, dsn string, flags ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "pg_dump", append([]string{"-d", dsn, "-n", "shop", "--no-owner", "--no-privileges"}, flags...)...).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	return string(out)
}

// ours is what of a dump comes from the copy and not from the source.
var ours = regexp.MustCompile(`(?m)^(ALTER TABLE .* (ENABLE|FORCE|ONLY .* FORCE) ROW LEVEL SECURITY;|CREATE POLICY (sluice_|nobodys).*|--.*|\\(un)?restrict .*|)\n`)

// dumped compares with a copy that pg_dump and psql made: the same rows, and a dump of
// the copy is as one of the source.
func dumped(t *testing.T, p pair) {
	p.newSource(t, readZoo(t)+`; ALTER TABLE tenant_data ENABLE ROW LEVEL SECURITY; ALTER ROLE reads BYPASSRLS`)
	if out, err := exec.CommandContext(t.Context(), "pg_dump", "--version").Output(); err != nil || !strings.Contains(string(out), " 15.") || p.from.Version > 15 {
		t.Fatalf("this wants pg_dump 15 and no newer server: %s, %v", out, err)
	}
	p.to.Exec(t, "postgres", "DROP DATABASE IF EXISTS expected")
	p.to.Exec(t, "postgres", "CREATE DATABASE expected TEMPLATE template0")
	source := p.from.Server.SuperuserDSN("source")
	restore := exec.CommandContext(t.Context(), "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", p.to.Server.SuperuserDSN("expected"))
	restore.Stdin = strings.NewReader(dump(t, source))
	if out, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v: %s", err, out)
	}
	j := p.job(zoo...)
	j.LeaseUntil, j.Roles = time.Time{}, func(role string) []string {
		return slices.DeleteFunc([]string{role}, func(r string) bool { return r == "postgres" })
	}
	run(t, j)
	for _, table := range []string{"person", "booking", "event", "by_kind", "no_parts", `"Odd ""Name"".; --"`, "empty", "twice", "chain", "tenant_data"} {
		if want, got := content(t, p.to, "expected", "shop."+table), content(t, p.to, "restored", "shop."+table); got != want {
			t.Errorf("%s is %s, and %s as pg_dump has it", table, got, want)
		}
	}
	// The columns of a partition are in the order of the parent's: lines are sorted.
	plain := func(text string) []string {
		return slices.Sorted(strings.SplitSeq(strings.ReplaceAll(ours.ReplaceAllString(text, ""), ",\n", "\n"), "\n"))
	}
	if d := cmp.Diff(plain(dump(t, source, "-s")), plain(dump(t, p.to.Server.SuperuserDSN("restored"), "-s"))); d != "" {
		t.Errorf("dumps differ (-source +destination):\n%s", d)
	}
}
