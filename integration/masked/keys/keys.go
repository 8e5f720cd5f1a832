// Package keys has the key of pseudonyms that suites use.
package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-pg/sluice/integration/secrets"
)

// File is a file with the key, which is always the same, so that pseudonyms are.
func File(t testing.TB) string {
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
