package oracle

import (
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

func TestMain(m *testing.M) { harness.RunTests(m) }
