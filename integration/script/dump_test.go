package script

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

// What pg_dump writes, its data and \restrict included, is read as psql
// restores it.
func TestDumpsAsPsqlSendsThem(t *testing.T) {
	s := newStage(t)
	for name, args := range map[string][]string{
		"copy.sql":    {},
		"inserts.sql": {"--inserts", "--rows-per-insert=3"},
		"clean.sql":   {"--clean", "--if-exists", "--column-inserts"},
	} {
		dir := t.TempDir()
		harness.MustRun(t, s.target, harness.Command{
			Program: "/usr/bin/pg_dump", Args: append(args, "-f", name), Env: []string{"PGGSSENCMODE=disable"}, Dir: dir,
		})
		if _, err := s.relay.taken(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 10000 {
			t.Fatal(info, err)
		}
		// The data go to a database that is empty: a COPY that fails has its
		// data read as commands.
		empty := *s
		empty.target = s.target.In("restored")
		if name != "copy.sql" {
			empty.target = s.target
		}
		want := empty.sent(t, dir, []string{name})[name]
		same(t, name, textsOf(found(t, dir, name)), want)
		if len(want) < 50 {
			t.Errorf("%s: only %d messages", name, len(want))
		}
		t.Logf("%s: %d messages", name, len(want))
	}
}
