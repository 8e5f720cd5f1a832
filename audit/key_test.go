package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestLoadOrCreateKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail.key")
	key, err := LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreateKey(path)
	if err != nil || again.VerifierKey() != key.VerifierKey() {
		t.Fatalf("the key read back is %v, %v", again, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info.Mode(), err)
	}
	public, err := os.ReadFile(PublicPath(path))
	if err != nil || !strings.HasSuffix(PublicPath(path), "trail.pub") {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(public)))
	if err != nil {
		t.Fatal(err)
	}
	msg := signedNote(t, again, "text\n")
	if _, err := note.Open(msg, note.VerifierList(verifier)); err != nil {
		t.Errorf("the exported key does not check: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("files left: %q, %v", left, err)
	}
}

// What is derived is the same for a key and a purpose, and nothing else's.
func TestDerive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail.key")
	key, err := LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if key.Derive("a") != again.Derive("a") || key.Derive("a") == key.Derive("b") || key.Derive("a") == other.Derive("a") {
		t.Error("a secret is not that of its key and purpose")
	}
}

func TestBadKeyFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail.key")
	if _, err := LoadOrCreateKey(path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty":    "",
		"cut":      string(good[:len(good)-4]),
		"doubled":  string(good) + string(good),
		"changed":  strings.Replace(string(good), "sluice", "mallet", 1),
		"verifier": "sluice-trail/x+00000000+AAAA",
		"huge":     strings.Repeat("x", 5000),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadOrCreateKey(path)
		if !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(PublicPath(path), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(path); !errors.Is(err, ErrKey) {
		t.Errorf("a verifier key of another key: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(path); !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v", err)
	}
}

// TestKeyPrintsNothing prints a key in every way there is.
func TestKeyPrintsNothing(t *testing.T) {
	key, private, err := generateKey()
	if err != nil {
		t.Fatal(err)
	}
	// PRIVATE+KEY+name+hash+data; the data is base64, which has a + too.
	secret := strings.SplitN(private, "+", 5)[4][:20]
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", key)
		fmt.Fprintf(&out, verb+"\n", struct{ Key *Key }{key})
		fmt.Fprintf(&out, verb+"\n", Options{Key: key})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("key", "key", key, "options", Options{Key: key})
	marshalled, err := json.Marshal(map[string]any{"key": key})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(marshalled)
	if strings.Contains(out.String(), secret) || strings.Contains(out.String(), "PRIVATE") {
		t.Errorf("a secret is printed:\n%s", out.String())
	}
	if !strings.Contains(out.String(), key.String()) {
		t.Error("the key's name is not printed either")
	}
}

// A key that is gone is not replaced by a new one: its public half has signed a
// trail.
func TestLostKeyIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail.key")
	if _, err := LoadOrCreateKey(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(path); !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), PublicPath(path)) {
		t.Errorf("a key that is gone: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a new one: %v", err)
	}
}
