package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

const (
	pgDump    = "/usr/bin/pg_dump"
	pgRestore = "/usr/bin/pg_restore"
	// dumpLimit is the first server version that Debian's pg_dump refuses.
	dumpLimit = 16
)

var restored = []string{"restored"}

// dumpCases dump in every format and restore each into an empty database over
// the same way; what is compared is the dump as text and a plain dump of what
// was restored.
func dumpCases() []client {
	return []client{
		{name: "pg_dump/plain", before: dumpLimit, run: dumpOnly()},
		{name: "pg_dump/inserts", before: dumpLimit, run: dumpOnly("--inserts")},
		{name: "pg_dump/column-inserts", before: dumpLimit, run: dumpOnly("--column-inserts", "--rows-per-insert=50", "--on-conflict-do-nothing")},
		{name: "pg_dump/schema-only", before: dumpLimit, run: dumpOnly("--schema-only", "--no-owner")},
		{name: "pg_dump/data-only", before: dumpLimit, run: dumpOnly("--data-only", "--table=users", "--disable-triggers")},
		{name: "pg_dump/clean", before: dumpLimit, run: dumpOnly("--clean", "--if-exists", "--blobs")},
		{name: "pg_dump/serializable", before: dumpLimit, run: dumpOnly("--serializable-deferrable", "--schema=sales")},
		{name: "pg_dump/row security", before: dumpLimit, run: dumpOnly("--lock-wait-timeout=5s", "--enable-row-security")},
		{name: "pg_dump/role", before: dumpLimit, run: dumpAsRole, differs: "Sluice pins the role to that of the login it issued"},
		{name: "pg_restore/custom", fills: restored, before: dumpLimit, run: dumpAndRestore([]string{"-Fc", "-f", "dump"}, nil)},
		{name: "pg_restore/directory parallel", fills: restored, before: dumpLimit, run: dumpAndRestore([]string{"-Fd", "-j", "3", "-f", "dump"}, []string{"-j", "3"})},
		{name: "pg_restore/single transaction", fills: restored, before: dumpLimit, run: dumpAndRestore([]string{"-Ft", "-f", "dump"}, []string{"-1", "--exit-on-error"})},
		{name: "pg_restore/inserts", fills: restored, before: dumpLimit, run: dumpAndRestore([]string{"-Fc", "--inserts", "-f", "dump"}, nil)},
		{name: "pg_restore/psql", fills: restored, before: dumpLimit, run: restoreWithPsql},
	}
}

func dumpOnly(args ...string) func(*testing.T, harness.Target, string) string {
	return func(t *testing.T, target harness.Target, dir string) string {
		r := harness.MustRun(t, target, harness.Command{Program: pgDump, Args: args, Dir: dir})
		expect(t, target, r.Stdout, "PostgreSQL database dump complete")
		return steady(r.String())
	}
}

// dumpAsRole changes the role first, which Sluice refuses with the reason.
func dumpAsRole(t *testing.T, target harness.Target, dir string) string {
	r := harness.Run(t, target, harness.Command{Program: pgDump, Args: []string{"--role=shop_app", "--schema=sales"}, Dir: dir})
	if target.Name == harness.ThroughSluice {
		expect(t, target, r.String(), "exit 1", "change of role refused", "HINT")
	} else {
		expect(t, target, r.String(), "exit 0", "PostgreSQL database dump complete")
	}
	return r.String()
}

func dumpAndRestore(dumpArgs, restoreArgs []string) func(*testing.T, harness.Target, string) string {
	return func(t *testing.T, target harness.Target, dir string) string {
		harness.MustRun(t, target, harness.Command{Program: pgDump, Args: dumpArgs, Dir: dir})
		args := append([]string{"-d", "restored", "dump"}, restoreArgs...)
		restored := harness.MustRun(t, target, harness.Command{Program: pgRestore, Args: args, Dir: dir})
		return restored.String() + dumpOnly()(t, target.In("restored"), dir)
	}
}

// restoreWithPsql feeds a plain dump to psql, the way most people restore.
func restoreWithPsql(t *testing.T, target harness.Target, dir string) string {
	file := filepath.Join(dir, "dump.sql")
	harness.MustRun(t, target, harness.Command{Program: pgDump, Args: []string{"-f", file}, Dir: dir})
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	r := harness.MustRun(t, target, harness.Command{
		Program: "/usr/bin/psql", Args: []string{"-X", "-v", "ON_ERROR_STOP=1", "-d", "restored", "-f", file}, Dir: dir,
	})
	return r.String() + dumpOnly()(t, target.In("restored"), dir)
}

var restrictKey = regexp.MustCompile(`(?m)^(\\(?:un)?restrict) \w+$`)

// steady removes what is random in every dump: the key of \restrict.
func steady(dump string) string {
	return restrictKey.ReplaceAllString(strings.ReplaceAll(dump, "\r", ""), "$1 KEY")
}
