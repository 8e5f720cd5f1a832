package statement

import (
	"context"
	"strings"
	"testing"
)

// Bodies are read in a worker, whatever the size of the text; without one they
// stay unread, and the statement opaque.
func TestBodiesAreReadInAWorker(t *testing.T) {
	const text = "DO $$ BEGIN COPY users TO PROGRAM 'cat'; END $$"
	got := newTestAnalyzer(t, Options{}).Analyze(context.Background(), text)
	if got.Kind != ExportToProgram {
		t.Errorf("with a worker: %s %+v", got.Kind, got.Problem)
	}
	alone := NewAnalyzer(Options{})
	got = alone.Analyze(context.Background(), text)
	if got.Kind != OpaqueCode || len(got.Statements[0].Unresolved) != 1 || got.Statements[0].Unresolved[0] != untoldUnread {
		t.Errorf("without one: %s %+v", got.Kind, got.Statements)
	}
	if err := alone.Close(); err != nil {
		t.Error(err)
	}
}

// A body that is too deep for its parser costs a worker at most.
func TestDeepBodies(t *testing.T) {
	a := newTestAnalyzer(t, Options{})
	nested := func(n int, open, end string) string {
		return "DO $b$ BEGIN " + strings.Repeat(open, n) + "NULL;" + strings.Repeat(end, n) + " END $b$"
	}
	for name, text := range map[string]string{
		"escaped brackets": `DO E'BEGIN PERFORM ` + strings.Repeat(`\x28`, 10_000) + "1" + strings.Repeat(`\x29`, 10_000) + `; END'`,
		"escaped sum":      `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS E'SELECT 1` + strings.Repeat(`\x2b1`, 30_000) + `'`,
		"IF":               nested(100_000, "IF a THEN ", "END IF;"),
		"blocks":           nested(100_000, "BEGIN ", "END;"),
		"loops":            nested(50_000, "LOOP ", "END LOOP;"),
		"bodies":           "DO $a$ BEGIN DO $b$ BEGIN DO $c$ BEGIN DO $d$ BEGIN DO $e$ BEGIN NULL; END $e$; END $d$; END $c$; END $b$; END $a$",
	} {
		got := a.Analyze(context.Background(), text)
		if !got.Kind.Worse(InternalCopy) {
			t.Errorf("%s is %s", name, got.Kind)
		}
		if small := a.Analyze(context.Background(), "DO 'BEGIN END'"); small.Kind != OpaqueCode {
			t.Errorf("after %s a small text is %s: %+v", name, small.Kind, small.Problem)
		}
	}
}
