package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// shelf keeps one key in memory.
type shelf struct {
	mu    sync.Mutex
	text  string
	fails error  // what Load says
	first func() // runs before the next Create
}

func (s *shelf) String() string { return "the shelf" }

func (s *shelf) Load(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fails != nil:
		return "", s.fails
	case s.text == "":
		return "", fmt.Errorf("the shelf: %w", fs.ErrNotExist)
	}
	return s.text, nil
}

func (s *shelf) Create(_ context.Context, private string) error {
	if s.first != nil {
		s.first()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text != "" {
		return fmt.Errorf("the shelf: %w", fs.ErrExist)
	}
	s.text = private
	return nil
}

func TestKeptKey(t *testing.T) {
	s, public := &shelf{}, filepath.Join(t.TempDir(), "trail.pub")
	key, err := LoadOrCreateKept(t.Context(), s, public)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreateKept(t.Context(), s, public)
	if err != nil || again.VerifierKey() != key.VerifierKey() {
		t.Fatalf("the second time it is %v, %v", again, err)
	}
	text, err := os.ReadFile(public)
	if err != nil || string(text) != key.VerifierKey()+"\n" || key.CheckPublic(public) != nil {
		t.Errorf("published: %q, %v", text, err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(public), "*"))
	if err != nil || len(files) != 1 {
		t.Errorf("files left: %q, %v", files, err)
	}
	// A key that a person brings over from a file has the end of a line.
	s.text += "\n"
	if moved, err := LoadKept(t.Context(), s); err != nil || moved.VerifierKey() != key.VerifierKey() {
		t.Errorf("with the end of a line: %v", err)
	}
}

// Two that start at once sign with the same key.
func TestKeptKeyOfTwo(t *testing.T) {
	s := &shelf{}
	var faster *Key
	s.first = func() {
		s.first = nil
		var err error
		if faster, err = LoadOrCreateKept(t.Context(), s, filepath.Join(t.TempDir(), "trail.pub")); err != nil {
			t.Error(err)
		}
	}
	public := filepath.Join(t.TempDir(), "trail.pub")
	key, err := LoadOrCreateKept(t.Context(), s, public)
	if err != nil || faster == nil || key.VerifierKey() != faster.VerifierKey() {
		t.Fatalf("the slower has %v, the faster %v: %v", key, faster, err)
	}
	if err := key.CheckPublic(public); err != nil {
		t.Error(err)
	}
}

// A key that signed a trail and is gone is not replaced by another.
func TestKeptKeyThatIsGone(t *testing.T) {
	s, public := &shelf{}, filepath.Join(t.TempDir(), "trail.pub")
	if _, err := LoadOrCreateKept(t.Context(), s, public); err != nil {
		t.Fatal(err)
	}
	s.text = ""
	_, err := LoadOrCreateKept(t.Context(), s, public)
	if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "the shelf has none") || s.text != "" {
		t.Errorf("gone: %v, and then there is %d bytes", err, len(s.text))
	}
	// Another one in its place is no better.
	_, private, err := generateKey()
	if err != nil {
		t.Fatal(err)
	}
	s.text = private
	if _, err := LoadOrCreateKept(t.Context(), s, public); !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "belongs to another key") {
		t.Errorf("another: %v", err)
	}
	away := errors.New("the shelf is in another room")
	s.fails = away
	if _, err := LoadOrCreateKept(t.Context(), s, public); !errors.Is(err, away) {
		t.Errorf("away: %v", err)
	}
}

// What is no key of a trail is named for what it is, and never quoted.
func TestKeptIsNoKey(t *testing.T) {
	key, private, err := generateKey()
	if err != nil {
		t.Fatal(err)
	}
	const mark = "MC4CAQAwBQYDK2VwBCIEIA"
	for want, text := range map[string]string{
		"it is the public half":           key.VerifierKey(),
		"it is a PEM file":                "-----BEGIN PRIVATE KEY-----\n" + mark + "\n-----END PRIVATE KEY-----\n",
		"it is damaged":                   private[:len(private)-6],
		"it is damaged (":                 strings.Replace(private, key.Name(), "x", 1),
		"it is no key that Sluice makes":  mark,
		"it is no key that Sluice makes ": " " + private,
		"no key has more than 4096":       strings.Repeat(mark, 400),
	} {
		s, public := &shelf{text: text}, filepath.Join(t.TempDir(), "trail.pub")
		_, err := LoadOrCreateKept(t.Context(), s, public)
		if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "the shelf") {
			t.Errorf("want %q: %v", want, err)
			continue
		}
		secret := strings.SplitN(private, "+", 5)[4][:20]
		if strings.Contains(err.Error(), mark) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("the key is quoted: %v", err)
		}
		if _, err := os.Stat(public); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("something was published (%v)", err)
		}
	}
}
