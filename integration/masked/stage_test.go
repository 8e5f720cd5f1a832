package masked

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
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
		Policy: policy, Config: "mask_keys: [{name: default, file: " + keyFile(t) + "}]",
	})
	return &stage{world, gate}
}

// keyFile has the key of pseudonyms, which is always the same, so that they are.
func keyFile(t *testing.T) string {
	t.Helper()
	sum := sha256.Sum256([]byte("the key of the suite of masked results"))
	digits := hex.EncodeToString(sum[:])
	secrets.Learn(secrets.PrivateKey, digits)
	path := filepath.Join(t.TempDir(), "mask.key")
	if err := os.WriteFile(path, []byte(digits+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// direct is the way to the server itself, sluice the way through the gate, both
// without TLS so that what comes over them can be looked at.
func (s *stage) direct() harness.Target { return s.world.Direct() }

func (s *stage) sluice() harness.Target { return s.gate.Target().WithSSLMode("disable") }
