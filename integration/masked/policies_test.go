package masked

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// allowing is the suite's policy without its protection: what would be masked
// leaves as it is.
var allowing = edited("id: masked, effect: mask", "id: masked, effect: allow")

// forgetful is one to which an address of people is nothing special.
var forgetful = edited("[crm.people.email, ", "[", "[crm.people.id, ", "[crm.people.id, crm.people.email, ")

// makers is one under which a session may make and alter what it likes, classes
// included.
var makers = policy + "  - {id: makers, effect: allow, kinds: [ddl, weaken_protection], limits: {rows: unlimited, bytes: unlimited}}\n"

// edited is the suite's policy with something else in some places.
func edited(oldAndNew ...string) string {
	text := policy
	for i := 0; i < len(oldAndNew); i += 2 {
		if strings.Count(text, oldAndNew[i]) != 1 {
			panic("the policy does not have once: " + oldAndNew[i])
		}
		text = strings.Replace(text, oldAndNew[i], oldAndNew[i+1], 1)
	}
	return text
}

// under puts another policy in force, up to when what it returns is called.
func (s *stage) under(t *testing.T, text string) (end func()) {
	t.Helper()
	s.enforce(t, text)
	return func() {
		t.Helper()
		s.enforce(t, policy)
	}
}

// enforce writes the policy's file, asks for it to be read, and waits until a
// session is told that it counts.
func (s *stage) enforce(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(s.gate.Dir(), "policy.yaml")
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(now) == text {
		return
	}
	l := dial(t, s.sluice())
	before := l.must(t, "SHOW sluice.policy")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.gate.Signal(t, syscall.SIGHUP)
	s.await(t, "the new policy", func() bool { return l.must(t, "SHOW sluice.policy") != before })
}

// await waits until something is so.
func (s *stage) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited in vain for %s\n%s", what, s.gate.Log())
		}
	}
}
