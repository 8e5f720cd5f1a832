package dump

import (
	"path/filepath"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

// way is one way to take a whole database out and to put it elsewhere.
type way struct {
	name string
	// dumps are the command lines that write the files, each one named after
	// its place in the list.
	dumps [][]string
	// archive dumps are for pg_restore, others for psql.
	archive bool
	// restore is more for the command line of pg_restore.
	restore []string
}

var ways = []way{
	{name: "plain", dumps: [][]string{{}}},
	{name: "custom", dumps: [][]string{{"-Fc"}}, archive: true},
	{name: "directory", dumps: [][]string{{"-Fd", "-j", "2"}}, archive: true, restore: []string{"-j", "2"}},
	{name: "tar", dumps: [][]string{{"-Ft"}}, archive: true},
	{name: "inserts", dumps: [][]string{{"--inserts"}}},
	{name: "column-inserts", dumps: [][]string{{"--column-inserts"}}},
	// Without the columns, PostgreSQL 13 takes no DEFAULT among several rows.
	{name: "rows-per-insert", dumps: [][]string{{"--rows-per-insert=70", "--column-inserts"}}},
	{name: "halves", dumps: [][]string{{"--schema-only"}, {"--data-only", "-b"}}},
	{name: "sections", dumps: [][]string{{"--section=pre-data"}, {"--section=data"}, {"--section=post-data"}}},
	{name: "serializable", dumps: [][]string{{"--serializable-deferrable", "-Fc", "-Z0"}}, archive: true},
}

// files are where the dumps of the way go.
func (w way) files(dir string) (paths []string) {
	for i := range w.dumps {
		paths = append(paths, filepath.Join(dir, string(rune('a'+i))+".dump"))
	}
	return paths
}

// dump runs the way's programs up to the first that does not succeed. more is
// added to the command lines.
func (w way) dump(t *testing.T, target harness.Target, dir string, more ...string) harness.Result {
	t.Helper()
	var last harness.Result
	for i, file := range w.files(dir) {
		args := append(append([]string{"-f", file}, w.dumps[i]...), more...)
		last = harness.Run(t, target, harness.Command{Program: pgDump, Args: args, Dir: dir})
		if last.Exit != 0 {
			break
		}
	}
	return last
}

// restored puts what the way has dumped into the empty database restored.
func (w way) restored(t *testing.T, world *harness.World, dir string) {
	t.Helper()
	world.Reset(t, "restored")
	w.fill(t, world, dir)
}

// fill puts what the way has dumped into the database restored.
func (w way) fill(t *testing.T, world *harness.World, dir string) {
	t.Helper()
	for _, file := range w.files(dir) {
		args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "restored", "-f", file}
		program := psql
		if w.archive {
			program, args = pgRestore, append([]string{"--exit-on-error", "-d", "restored", file}, w.restore...)
		}
		harness.MustRun(t, world.Direct(), harness.Command{Program: program, Args: args, Dir: dir})
	}
}
