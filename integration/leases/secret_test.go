package leases

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// noSecret looks for every secret that passed between Sluice and Vault in what
// Sluice has written and shows.
func (s *stage) noSecret(t *testing.T) {
	t.Helper()
	secrets := s.tap.known()
	kinds := map[string]int{}
	for _, what := range secrets {
		kinds[what]++
	}
	if kinds["client_token"] < 10 || kinds["password"] < 10 || kinds["secret_id"] < 1 {
		t.Fatalf("the secrets that are looked for are %v: too few to mean anything", kinds)
	}
	texts := map[string]string{"the log": s.gate.Log()}
	for _, name := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.gate.PID(), name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	err := filepath.WalkDir(s.gate.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 6 {
		t.Fatalf("only %d places were looked at", len(texts))
	}
	for place, text := range texts {
		if found := find(secrets, text); found != nil {
			t.Errorf("%s holds %v", place, found)
		}
	}
}
