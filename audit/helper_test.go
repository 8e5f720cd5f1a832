package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sluice-pg/sluice/audit/verify"
)

// testKey returns the same key for the same name in every run.
func testKey(t testing.TB, name string) *Key {
	t.Helper()
	seed := sha256.Sum256([]byte("seed of " + name))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	sum := sha256.Sum256(append([]byte(name+"\n\x01"), public...))
	private := fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, binary.BigEndian.Uint32(sum[:]),
		base64.StdEncoding.EncodeToString(append([]byte{1}, seed[:]...)))
	key, err := parseKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// testClock returns a clock that moves on a millisecond with every look.
func testClock() func() time.Time {
	now := time.Date(2026, 12, 4, 9, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Millisecond)
		return now
	}
}

func mustOpen(t testing.TB, dir string, o Options) *Trail {
	t.Helper()
	if o.Key == nil {
		o.Key = testKey(t, "trail.example/test")
	}
	tr, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func mustAppend(t testing.TB, tr *Trail, ev Event) Index {
	t.Helper()
	i, err := tr.Append(context.Background(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func mustClose(t testing.TB, tr *Trail) {
	t.Helper()
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustVerify(t testing.TB, dir string, key *Key) verify.Report {
	t.Helper()
	r, err := verify.Dir(dir, key.Verifier(), verify.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	return r
}

// smallTrail makes a closed trail of a few segments with a blob, and a tail
// of records that no checkpoint covers if signed is false.
func smallTrail(t testing.TB, signed bool) (dir string, key *Key) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "trail")
	key = testKey(t, "trail.example/test")
	o := Options{Key: key, SegmentBytes: 600, Now: testClock(), CheckpointEvery: time.Hour}
	tr := mustOpen(t, dir, o)
	digest, err := tr.Put(context.Background(), []byte("a large request"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		mustAppend(t, tr, Event{Type: "decision", ID: "K7Q2M4XA", Session: "s1", Body: map[string]any{
			"n": i, "request_digest": digest, "user": "alice",
		}})
	}
	if signed {
		mustClose(t, tr)
		return dir, key
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, tr)
	return copied, key
}

// inMemory reads a trail's files into memory, where they can be spoiled.
func inMemory(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = &fstest.MapFile{Data: data, Mode: 0o600}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// onDisk is the inverse of inMemory.
func onDisk(t testing.TB, files fstest.MapFS) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "trail")
	for name, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
