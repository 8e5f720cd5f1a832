package vault

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

var keyPlace = Place{Mount: "secret", Path: "sluice/trail", Field: "key"}

const keptText = "kept-text-that-nobody-may-see"

// What is created is read back, by a client that has not begun, and nobody
// overwrites it.
func TestKept(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := open(t, config(t, s))
	if _, err := c.ReadKept(t.Context(), keyPlace); !errors.Is(seen(err), fs.ErrNotExist) {
		t.Fatalf("before it is there: %v", err)
	}
	if err := seen(c.CreateKept(t.Context(), keyPlace, credential.NewSecret(keptText))); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateKept(t.Context(), keyPlace, credential.NewSecret("another")); !errors.Is(seen(err), fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	got, err := c.ReadKept(t.Context(), keyPlace)
	if seen(err) != nil || got.Reveal() != keptText {
		t.Errorf("read back: %v", err)
	}
	if err := seen(c.Begin(t.Context())); err != nil {
		t.Errorf("begin after a reading: %v", err)
	}
	closed(t, c)
	nothing(t, s)
	if _, err := c.ReadKept(t.Context(), keyPlace); !errors.Is(err, errClosed) {
		t.Errorf("read with a closed client: %v", err)
	}
}

// Each way in which a text cannot be had has words of its own, and only a path
// where there was never anything counts as such.
func TestKeptIsNotToBeHad(t *testing.T) {
	long := strings.Repeat("x", maxKept+1)
	for _, c := range []struct {
		name    string
		place   Place
		prepare func(*vaulttest.Server)
		says    string
		kind    error
	}{
		{"no mount", Place{vaulttest.NoMount, "sluice/trail", "key"}, nil, "nothing is mounted there", nil},
		{"never written", keyPlace, nil, "there is nothing", fs.ErrNotExist},
		{"deleted", keyPlace, func(s *vaulttest.Server) {
			s.Keep("secret/sluice/trail", map[string]any{"key": keptText})
			s.Keep("secret/sluice/trail", map[string]any{"key": keptText})
			s.Delete("secret/sluice/trail")
		}, "its latest version, 2, is deleted", nil},
		{"destroyed", keyPlace, func(s *vaulttest.Server) {
			s.Keep("secret/sluice/trail", map[string]any{"key": keptText})
			s.Destroy("secret/sluice/trail")
		}, "its latest version, 1, is destroyed", nil},
		{"no field", keyPlace, keep("other", keptText), `no field "key"`, nil},
		{"a number", keyPlace, keep("key", 17), `the field "key" is not text`, nil},
		{"an object", keyPlace, keep("key", map[string]any{"x": keptText}), `the field "key" is not text`, nil},
		{"blank", keyPlace, keep("key", " \n"), `the field "key" is empty`, nil},
		{"too long", keyPlace, keep("key", long), "16385 bytes", nil},
		{"version 1", Place{vaulttest.OldMount, "sluice/trail", "key"}, func(s *vaulttest.Server) {
			s.Keep("old/sluice/trail", map[string]any{"data": map[string]any{"key": keptText}})
		}, "old is not KV version 2", nil},
		{"denied", keyPlace, func(s *vaulttest.Server) { s.Deny("secret/data/sluice/trail", true) },
			"it takes the right read on secret/data/sluice/trail", ErrDenied},
		{"sealed", keyPlace, func(s *vaulttest.Server) { s.Set(vaulttest.Sealed()) }, "Vault is sealed", ErrAway},
		{"upgraded", keyPlace, func(s *vaulttest.Server) {
			s.Set(vaulttest.Fault{Path: "/data/", Status: 400, Words: []string{"Upgrading from non-versioned to versioned data."}})
		}, "just being upgraded", ErrAway},
		{"a path that leads elsewhere", Place{"secret", "../sys", "key"}, nil, `the path "../sys"`, nil},
		{"no path", Place{"secret", "", "key"}, nil, `the path ""`, nil},
		{"an odd field", Place{"secret", "sluice/trail", "a b"}, nil, `the field "a b"`, nil},
		{"404 of somebody else", keyPlace, func(s *vaulttest.Server) {
			s.Set(vaulttest.Fault{Path: "/data/", Status: 404, Words: []string{"namespace not found"}})
		}, "nothing at this path", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFake(vaulttest.Options{})
				if c.prepare != nil {
					c.prepare(s)
				}
				client := open(t, config(t, s))
				_, err := client.ReadKept(t.Context(), c.place)
				if seen(err) == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "vault: read ") {
					t.Errorf("error %v, want %q", err, c.says)
				}
				for _, kind := range []error{fs.ErrNotExist, ErrAway, ErrDenied} {
					if errors.Is(err, kind) != (kind == c.kind) {
						t.Errorf("is %v: %t", kind, kind != c.kind)
					}
				}
			})
		})
	}
}

func keep(field string, value any) func(*vaulttest.Server) {
	return func(s *vaulttest.Server) { s.Keep("secret/sluice/trail", map[string]any{field: value}) }
}

// What cannot be created says why, and nothing comes to be elsewhere.
func TestKeptCannotBeCreated(t *testing.T) {
	for _, c := range []struct {
		name  string
		place Place
		text  string
		says  string
	}{
		{"no mount", Place{vaulttest.NoMount, "sluice/trail", "key"}, keptText, "nothing is mounted there"},
		{"version 1", Place{vaulttest.OldMount, "sluice/trail", "key"}, keptText, "old is not KV version 2"},
		{"empty", keyPlace, "", "a text of 0 bytes"},
		{"too long", keyPlace, strings.Repeat("x", maxKept+1), "a text of 16385 bytes"},
		{"no field", Place{"secret", "sluice/trail", ""}, keptText, `the field ""`},
	} {
		s := newFake(vaulttest.Options{})
		client := open(t, config(t, s))
		err := client.CreateKept(t.Context(), c.place, credential.NewSecret(c.text))
		if seen(err) == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "vault: write ") {
			t.Errorf("%s: %v", c.name, err)
		}
		if s.Kept("secret/sluice/trail") != nil {
			t.Errorf("%s: something was kept", c.name)
		}
	}
}

// Of many who create at once one does, and all read the same, also where nobody
// may update and the losers are denied in the place of being told.
func TestManyCreateOneText(t *testing.T) {
	for name, options := range map[string]vaulttest.Options{"may update": {}, "may create only": {CreateOnly: true}} {
		s := newFake(options)
		const many = 8
		var created, late int
		var mu sync.Mutex
		var all sync.WaitGroup
		texts := map[string]bool{}
		for n := range many {
			c := open(t, config(t, s))
			all.Go(func() {
				err := c.CreateKept(t.Context(), keyPlace, credential.NewSecret(strings.Repeat(string(rune('a'+n)), 20)))
				text, readErr := c.ReadKept(t.Context(), keyPlace)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					created++
				case errors.Is(seen(err), fs.ErrExist):
					late++
				}
				if seen(readErr) == nil {
					texts[text.Reveal()] = true
				}
			})
		}
		all.Wait()
		if created != 1 || late != many-1 || len(texts) != 1 {
			t.Errorf("%s: %d created it, %d came late, %d texts were read", name, created, late, len(texts))
		}
	}
}

// An answer that is lost after the text was written does not make it written
// twice, or forgotten: it is somebody's who was faster, and that is us.
func TestLostAnswerToCreating(t *testing.T) {
	for name, options := range map[string]vaulttest.Options{"may update": {}, "may create only": {CreateOnly: true}} {
		s := newFake(options)
		s.Set(vaulttest.Fault{Path: "secret/data/", Lose: true, Times: 1})
		c := open(t, config(t, s))
		err := c.CreateKept(t.Context(), keyPlace, credential.NewSecret(keptText))
		if !errors.Is(seen(err), fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := c.ReadKept(t.Context(), keyPlace); seen(err) != nil || got.Reveal() != keptText {
			t.Errorf("%s: read back: %v", name, err)
		}
	}
}

// Who may neither create nor read is told which right it is.
func TestRightToCreate(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := open(t, config(t, s))
	if err := seen(c.MayCreateKept(t.Context(), keyPlace)); err != nil {
		t.Error(err)
	}
	s.Deny("secret/data/sluice/trail", true)
	err := seen(c.MayCreateKept(t.Context(), keyPlace))
	if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "lack create on secret/data/sluice/trail") {
		t.Errorf("who may not: %v", err)
	}
	s.Deny("secret/data/sluice/trail", false)
	s.ReadOnly("secret/data/sluice/trail")
	err = seen(c.CreateKept(t.Context(), keyPlace, credential.NewSecret(keptText)))
	if !errors.Is(err, ErrDenied) || errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "it takes the right create on secret/data/sluice/trail") {
		t.Errorf("denied: %v", err)
	}
}
