package dump

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
)

// mayDump is what a policy has to say so that pg_dump may take everything: the
// tables by name, and large objects, which have none, by the functions that
// read them.
const mayDump = `version: 1
rules:
  - id: tables
    effect: allow
    kinds: [export_to_client]
    relations: [public.*, sales.*]
    limits: {rows: unlimited, bytes: unlimited}
  - id: large-objects
    effect: allow
    kinds: [export_to_client]
    functions: [pg_catalog.loread]
    limits: {rows: unlimited, bytes: unlimited}
`

// TestDumpIsRestored: what the rules above let through is everything there is.
func TestDumpIsRestored(t *testing.T) {
	t.Parallel()
	binary := harness.BuildSluice(t)
	eachVersion(t, func(t *testing.T, world *harness.World) {
		gate := harness.StartGate(t, world, binary, mayDump)
		want := contents(t, world, "shop")
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				dir := t.TempDir()
				if r := w.dump(t, gate.Target(), dir); r.Exit != 0 {
					t.Fatalf("not dumped:\n%s", r)
				}
				w.restored(t, world, dir)
				if diff := cmp.Diff(want, contents(t, world, "restored")); diff != "" {
					t.Errorf("restored is something else (-shop +restored):\n%s", diff)
				}
			})
		}
	})
}
