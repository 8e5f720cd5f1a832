package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const composePath = "../../../examples/compose/compose.yaml"

func TestComposeIsChecked(t *testing.T) {
	if _, err := composeFile(composePath); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(composePath)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, says string }{
		"unknown key":       {"read_only: true", "readonly: true", "readonly"},
		"wrong type":        {"read_only: true", "read_only: perhaps", "read_only"},
		"wrong duration":    {"stop_grace_period: 2m", "stop_grace_period: long", "long"},
		"undefined volume":  {"  trail: {}\n", "", "trail"},
		"undefined network": {"  outside: {}\n", "", "outside"},
		"undefined service": {"database: {condition", "databsae: {condition", "databsae"},
	} {
		changed := strings.Replace(string(text), c.old, c.new, 1)
		if changed == string(text) {
			t.Fatalf("%s: the file has no %q", name, c.old)
		}
		path := filepath.Join(t.TempDir(), "compose.yaml")
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := composeFile(path); err == nil {
			t.Errorf("%s: was accepted", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error about %s", name, err, c.says)
		}
	}
}
