package leases

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// noSecretInStacks looks for them in what Sluice prints when SIGQUIT ends it while
// leases are open, which is kept as its log is. The next start ends the leases.
func (s *stage) noSecretInStacks(t *testing.T) {
	t.Helper()
	for _, purpose := range []string{"read", "copy-out", "migrate"} {
		c := s.mustConnect(t, "quits", purpose)
		defer c.Close(t.Context())
		mustQuery(t, c, "SELECT 1")
	}
	if open := s.leases(t); len(open) != 3 {
		t.Errorf("%d leases are open, want 3", len(open))
	}
	said := s.gate.Goroutines(t)
	if !strings.Contains(said, "goroutine 1 ") || !strings.Contains(said, "SIGQUIT") {
		t.Error("no stacks were printed")
	}
	if found := find(s.tap.known(), said); found != nil {
		t.Errorf("what SIGQUIT prints holds %v", found)
	}
	s.gate.Start(t)
	s.worksAgain(t, "afterwards")
	s.awaitNothingLeft(t)
}
