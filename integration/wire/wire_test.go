package wire

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/proxy/proxytest"
)

// TestScripts runs every wire script on every server and target. The trail that the proxy has written
// meanwhile has to verify.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../../proxy/testdata/wire/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no wire scripts found: %v", err)
	}
	for _, version := range harness.Versions(t) {
		server := startServer(t, version)
		targets := []proxytest.Target{direct(t, server)}
		for _, name := range slices.Sorted(maps.Keys(policies)) {
			targets = append(targets, proxied(t, server, name, targets[0]))
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".txt")
			t.Run(fmt.Sprintf("%d/%s", targets[0].Version, name), func(t *testing.T) {
				proxytest.Run(t, file, targets...)
			})
		}
	}
}
