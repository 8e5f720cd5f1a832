package main

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// A policy from standard input is read whole or refused, never cut.
func TestParsePolicy(t *testing.T) {
	if p, err := parsePolicy(strings.NewReader("version: 1\n")); err != nil || p.Name() != "stdin" {
		t.Errorf("got %v, %v", p, err)
	}
	for text, want := range map[string]string{
		"":                   "stdin: the document is empty",
		"version: 1\nrulez:": "stdin:2:1: unknown key",
		"version: 1\n" + strings.Repeat("#\n", strictyaml.MaxBytes/2): "at most 1048576",
	} {
		if _, err := parsePolicy(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
