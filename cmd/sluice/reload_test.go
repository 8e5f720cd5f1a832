package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testTick = 20 * time.Millisecond

// watched starts a watch and swallows its first word.
func watched(t *testing.T, path string, tick time.Duration) <-chan bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changed, gone := make(chan bool), make(chan struct{})
	go func() {
		defer close(gone)
		watchFile(ctx, path, tick, changed)
	}()
	t.Cleanup(func() { cancel(); <-gone })
	hear(t, changed, true, "the beginning")
	return changed
}

func hear(t *testing.T, changed <-chan bool, there bool, of string) {
	t.Helper()
	select {
	case got := <-changed:
		if got != there {
			t.Errorf("of %s it was said that the file is there: %v", of, got)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing was said of %s", of)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.yaml")
	write(t, path, "version: 1")
	changed := watched(t, path, testTick)

	write(t, path, "version: 1 # written in place")
	hear(t, changed, true, "a file written in place")

	write(t, path+".new", "version: 1 # renamed over")
	must(t, os.Rename(path+".new", path))
	hear(t, changed, true, "a file renamed over it")

	must(t, os.Remove(path))
	hear(t, changed, false, "a file that is gone")
	write(t, path, "version: 1 # back again")
	hear(t, changed, true, "a file that came back")
}

// Kubernetes keeps a ConfigMap in a folder of links into another one, which
// it replaces as a whole.
func TestWatchFileSeesLinkedFolders(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1", "2"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "policy.yaml"), "version: 1 # of folder "+name)
	}
	must(t, os.Symlink("1", filepath.Join(dir, "..data")))
	must(t, os.Symlink(filepath.Join("..data", "policy.yaml"), filepath.Join(dir, "policy.yaml")))
	changed := watched(t, filepath.Join(dir, "policy.yaml"), testTick)
	must(t, os.Symlink("2", filepath.Join(dir, "..new")))
	must(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	hear(t, changed, true, "a swapped folder")
}

// A file that is still being written is not spoken of. The tick is long beside
// the pauses of the writer, also on a machine that does something else.
func TestWatchFileWaitsForTheLastByte(t *testing.T) {
	const tick = 400 * time.Millisecond
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, "version: 1")
	changed := watched(t, path, tick)
	f, err := os.Create(path)
	must(t, err)
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for range 300 {
			if _, err := f.WriteString("# a line\n"); err != nil {
				t.Error(err)
			}
			time.Sleep(tick / 100)
		}
	}()
	hear(t, changed, true, "a file written slowly")
	select {
	case <-writing:
	default:
		t.Error("the change was spoken of while the file was being written")
	}
	must(t, f.Close())
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{{"abc", 3, "abc"}, {"abc", 2, "ab"}, {"aé", 2, "a"}, {"", 5, ""}} {
		if got := cut(c.text, c.most); got != c.want {
			t.Errorf("cut(%q, %d) = %q", c.text, c.most, got)
		}
	}
	if got := cut(strings.Repeat("é", 5000), maxRefusal); len(got) != maxRefusal {
		t.Errorf("%d bytes", len(got))
	}
}
