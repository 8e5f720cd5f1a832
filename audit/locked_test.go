package audit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Whether a trail is being written can be asked without making, changing or
// taking anything.
func TestLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trail")
	ask := func(when string, want bool) {
		t.Helper()
		if got, err := Locked(dir); err != nil || got != want {
			t.Errorf("%s: locked is %v, %v", when, got, err)
		}
	}
	ask("not there", false)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("asking made the folder: %v", err)
	}
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // asking leaves no lock behind
		trail, err := Open(dir, Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		ask("open", true)
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
		ask("closed", false)
	}
}

func TestLoadKeyMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail.key")
	if _, err := LoadKey(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a key was made")
	}
	made, err := LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := LoadKey(path); err != nil || read.VerifierKey() != made.VerifierKey() {
		t.Errorf("%v, %v", read, err)
	}
}
