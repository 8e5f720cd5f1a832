package secrets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing found means nothing where there was nothing to find, or nowhere to look.
func TestEmptyIsNotClean(t *testing.T) {
	folder := keepHere(t)
	check := func(when string, want ...string) {
		t.Helper()
		r, err := look(folder)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(r.problems([]string{Password}, []string{Logs}), "\n")
		for _, words := range want {
			if !strings.Contains(got, words) {
				t.Errorf("%s: no %q in %q", when, words, got)
			}
		}
		if len(want) == 0 && got != "" {
			t.Errorf("%s: %s", when, got)
		}
	}
	check("nothing at all", "nobody has learned a password", "nothing of the logs was kept", "is empty")
	Learn(Password, planted)
	check("no log", "nothing of the logs was kept")
	Keep(Trails, "trail", []byte("a record"))
	check("only a trail", "nothing of the logs was kept")
	Keep(Logs, "log", []byte("a line"))
	check("a secret and a log")
	Keep(Logs, "log", []byte("a line\n"+planted))
	check("a leak", "-3:2 holds a password (plain)")
	if err := os.RemoveAll(registryFolder(folder)); err != nil {
		t.Fatal(err)
	}
	check("nothing was learned", "nobody has learned a password")
}

// Of a folder everything is kept that Sluice writes, also what is removed, made
// anew or written to later; keys and users are learned.
func TestTree(t *testing.T) {
	folder, dir := keepHere(t), t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("admin.pgpass", planted)
	tree := NewTree("a test", dir)
	put("trail/one", "first")
	put("server.key", planted)
	tree.Keep()
	tree.Keep()
	if err := os.Remove(filepath.Join(dir, "trail", "one")); err != nil {
		t.Fatal(err)
	}
	put("trail/one", "second, with "+planted)
	put("trail/two", "third")
	tree.Keep()
	put("trail/two", "written later: "+planted)
	Learn(Password, planted)
	r, err := look(folder)
	if err != nil {
		t.Fatal(err)
	}
	if r.files[Trails] != 3 || len(r.findings) != 2 {
		t.Errorf("%d files were kept, want 3; found %v, want two", r.files[Trails], r.findings)
	}
}

// Without a folder nothing is kept, and nothing is in the way.
func TestNothingIsKept(t *testing.T) {
	t.Setenv(FolderVariable, "")
	Learn(Password, "x")
	Keep(Logs, "log", []byte(planted))
	Show("test", planted)
	LearnVerifiersOf("nowhere")
	LearnKeys("nowhere")
	NewTree("test", "nowhere").Keep()
	StartWatch()()
	if n, err := Log("log").Write([]byte(planted)); n != len(planted) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
