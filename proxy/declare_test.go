package proxy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

func TestDeclaredIn(t *testing.T) {
	for text, want := range map[string]policy.Declared{
		"/* sluice: destination=analytics */ COPY t TO STDOUT":                     {"destination": "analytics"},
		"COPY t TO STDOUT /* sluice: destination='analytics', reason=OPS-1 */ ;\n": {"destination": "analytics", "reason": "OPS-1"},
		"/*sluice:a.b=,c= d */ SELECT 1 /* other */":                               {"a.b": "", "c": "d"},
		"/* other */ SELECT 1 /* sluice: a=b */":                                   {"a": "b"},
		"SELECT 1":                                                                 nil,
		"SELECT '/* sluice: a=b */'":                                               nil,
		"SELECT 1 /* sluice: a=b */ + 2":                                           nil,
		"/* sluice: a */ SELECT 1":                                                 nil,
		"/* sluice: a=b, c */ SELECT 1":                                            nil,
		"/* sluice: 1=b */ SELECT 1":                                               nil,
		"/* sluices: a=b */ SELECT 1":                                              nil,
		"/*":                                                                       nil,
		"/*/":                                                                      nil,
		"*/":                                                                       nil,
		"/* sluice: a=" + strings.Repeat("x", 2000) + "*/ SELECT": nil,
	} {
		if diff := cmp.Diff(want, declaredIn(text)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// What SET says holds from then on, what a comment says for its text alone, and
// RESET goes back to the beginning.
func TestDeclaredNow(t *testing.T) {
	s := &session{startup: &startup{declared: map[string]string{"destination": "first", "reason": "x"}}}
	set := func(sql string) {
		t.Helper()
		a := statement.NewAnalyzer(statement.Options{}).Analyze(t.Context(), sql)
		if a.Problem != nil {
			t.Fatal(a.Problem.Message)
		}
		for i := range a.Statements {
			s.noteDeclared(&a.Statements[i])
		}
	}
	want := func(d policy.Declared) {
		t.Helper()
		if diff := cmp.Diff(d, s.declaredNow()); diff != "" {
			t.Error(diff)
		}
	}
	want(policy.Declared{"destination": "first", "reason": "x"})
	set("SET sluice.destination = 'second'; SET work_mem = '1MB'")
	want(policy.Declared{"destination": "second", "reason": "x"})
	s.claims.spoken = policy.Declared{"destination": "third"}
	want(policy.Declared{"destination": "third", "reason": "x"})
	s.claims.spoken = nil
	set("RESET sluice.destination; SELECT set_config('sluice.ticket', 'OPS-1', false)")
	want(policy.Declared{"destination": "first", "reason": "x", "ticket": "OPS-1"})
	set("SELECT set_config('sluice.ticket', current_user, false); SET sluice.reason TO DEFAULT")
	want(policy.Declared{"destination": "first", "reason": "x"})
	set("SET sluice.reason = 'y'; DISCARD ALL")
	want(policy.Declared{"destination": "first", "reason": "x"})
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		set("SET sluice.x" + string(c) + " = 'a'; SET sluice.y" + string(c) + " = 'a'")
	}
	if n := len(s.declaredNow()); n != maxDeclared {
		t.Errorf("%d are kept", n)
	}
	if s.startup.declared["destination"] != "first" || len(s.startup.declared) != 2 {
		t.Error("what was said at the beginning was changed")
	}
}
