package main

import (
	"os"
	"strings"
	"testing"
)

func TestManifestsAreChecked(t *testing.T) {
	job, err := os.ReadFile(jobPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkManifests(job); err != nil {
		t.Errorf("the job: %v", err)
	}
	for name, c := range map[string]struct{ old, new, says string }{
		"unknown field":   {"backoffLimit: 0", "backofLimit: 0", "backofLimit"},
		"wrong type":      {"backoffLimit: 0", "backoffLimit: none", "backoffLimit"},
		"wrong list":      {"args: [serve, --config, /etc/sluice/config/sluice.yaml]", "args: serve", "args"},
		"missing name":    {"- name: migrate\n", "- stdin: false\n", "name"},
		"unknown kind":    {"kind: Job", "kind: Jbo", "Jbo"},
		"key twice":       {"backoffLimit: 0", "backoffLimit: 0\n  backoffLimit: 1", "backoffLimit"},
		"port as a word":  {"containerPort: 9632", "containerPort: admin", "containerPort"},
		"deep in a probe": {"failureThreshold: 120", "failuresThreshold: 120", "failuresThreshold"},
	} {
		text := strings.Replace(string(job), c.old, c.new, 1)
		if text == string(job) {
			t.Fatalf("%s: the job has no %q", name, c.old)
		}
		if err := checkManifests([]byte(text)); err == nil {
			t.Errorf("%s: was accepted", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error about %s", name, err, c.says)
		}
	}
	if err := checkManifests([]byte("---\n# nothing\n")); err == nil {
		t.Error("no document was accepted")
	}
}

// Every name in the list of kinds is in the schema.
func TestKindsAreKnown(t *testing.T) {
	check, err := newChecker()
	if err != nil {
		t.Fatal(err)
	}
	for kind, name := range kinds {
		if _, err := check.compiler.Compile("kubernetes.json" + definitions + name); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
