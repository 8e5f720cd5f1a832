package masked

import (
	_ "embed"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/masked/keys"
)

func TestMain(m *testing.M) { harness.RunTests(m) }

//go:embed schema.sql
var schema string

//go:embed moved.sql
var movedSchema string

//go:embed policy.yaml
var policy string

// stage is Sluice in front of a server with the schema.
type stage struct {
	world *harness.World
	gate  *harness.Gate
}

func newStage(t *testing.T, version int) *stage {
	t.Helper()
	world := harness.NewWorld(t, version)
	world.Exec(t, "shop", schema+movedSchema)
	gate := harness.StartGateWith(t, world, harness.BuildSluice(t), harness.Setup{
		Policy: policy, Config: "mask_keys: [{name: default, file: " + keys.File(t) + "}]",
	})
	return &stage{world, gate}
}

// direct is the way to the server itself, sluice the way through the gate, both
// without TLS so that what comes over them can be looked at.
func (s *stage) direct() harness.Target { return s.world.Direct() }

func (s *stage) sluice() harness.Target { return s.gate.Target().WithSSLMode("disable") }
