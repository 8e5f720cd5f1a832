package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
)

// A key that is not there, or is none, is refused in words that have nothing of
// it and say how one is made.
func TestMaskKeyFiles(t *testing.T) {
	good := strings.Repeat("0f", 32)
	for text, want := range map[string]string{
		good:                    "",
		good + "\n":             "",
		strings.ToUpper(good):   "",
		good[:62]:               "openssl rand -hex 32",
		good + "zz":             "openssl rand -hex 32",
		"":                      "openssl rand -hex 32",
		"correct horse battery": "openssl rand -hex 32",
	} {
		file := filepath.Join(t.TempDir(), "mask.key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &Config{MaskKeys: []MaskKey{{Name: "default", File: file}}}
		keys, err := c.OpenMaskKeys(t.Context(), nil)
		switch {
		case want == "" && (err != nil || keys["default"].IsZero()):
			t.Errorf("a good key: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(text) > 20 && strings.Contains(err.Error(), text[:20])):
			t.Errorf("%d bytes: %v, want %q and nothing of the key", len(text), err, want)
		}
	}
	away := &Config{MaskKeys: []MaskKey{{Name: "default", File: filepath.Join(t.TempDir(), "gone")}}}
	if _, err := away.OpenMaskKeys(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "umask 077") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A policy whose pseudonyms have no key is not to be put in force.
func TestMissingMaskKeys(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte("version: 1\nclasses: {a.b: {}, a.c: {}, a.d: {}}\nmasks:\n"+
		"  - {classes: [a.b], mask: pseudonym, domain: x}\n  - {classes: [a.c], mask: pseudonym, domain: x, key: partner}\n  - {classes: [a.d], mask: null}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(MissingMaskKeys(p, nil), " "); got != "default partner" {
		t.Errorf("missing %q, want default and partner", got)
	}
}
