package statement

import (
	"context"
	"strings"
	"testing"
	"time"
)

// chain is a text of n terms.
func chain(head, term string, n int) string { return head + strings.Repeat(term, n) }

// Texts that overflow the parser's stack, or take it very long, are refused
// with words; the process and everybody else's statements go on.
func TestAbuse(t *testing.T) {
	a := newTestAnalyzer(t, Options{Timeout: 20 * time.Second})
	refusals := map[string]struct{ text, sqlstate string }{
		"plus":             {chain("SELECT 1", "+1", 25_000), "54001"},
		"plus in a string": {"SELECT 'x" + strings.Repeat("+", 30_000) + "'||1" + strings.Repeat("+1", 25_000), "54001"},
		"casts":            {chain("SELECT 1", "::int", 25_000), "54001"},
		"joins":            {chain("SELECT 1 FROM a", " CROSS JOIN a", 25_000), "54001"},
		"unions":           {chain("SELECT 1", " UNION SELECT 1", 50_000), "54001"},
		"unions all":       {chain("SELECT 1", " UNION ALL SELECT 1,2", 50_000), "54001"},
		"collations":       {chain("SELECT 'a'", ` COLLATE "C"`, 25_000), "54001"},
		"zones":            {chain("SELECT now()", " AT TIME ZONE 'utc'", 25_000), "54001"},
		"nots":             {"SELECT " + strings.Repeat("NOT ", 25_000) + "true", "54001"},
		"is null":          {chain("SELECT 1", " IS NULL", 25_000), "54001"},
		"minuses":          {"SELECT " + strings.Repeat("- ", 25_000) + "1", "54001"},
		"parentheses":      {"SELECT " + strings.Repeat("(", 25_000) + "1" + strings.Repeat(")", 25_000), "54001"},
		"sub-selects":      {strings.Repeat("(SELECT ", 1600) + "1" + strings.Repeat(")", 1600), "54001"},
		"cases":            {"SELECT " + strings.Repeat("CASE WHEN true THEN ", 25_000) + "1" + strings.Repeat(" END", 25_000), "54001"},
		"arrays":           {"SELECT ARRAY" + strings.Repeat("[", 25_000) + strings.Repeat("]", 25_000), "54001"},
		"comments":         {strings.Repeat("/*", 20_000) + strings.Repeat("*/", 20_000) + "SELECT 1", "54001"},
		"huge":             {"SELECT '" + strings.Repeat("x", 10<<20) + "'", "54000"},
		"not UTF-8":        {"SELECT '\xe3\x81'", "22021"},
		"not UTF-8 late":   {"SELECT 1 /*" + strings.Repeat("x", 100_000) + "\xff*/", "22021"},
		"zero byte":        {"SELECT 1\x00; COPY users TO STDOUT", "22021"},
		"garbage":          {"\x01\x02\x03", "42601"},
	}
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := a.Analyze(context.Background(), c.text)
			if got.Kind != ParseError || got.Problem == nil || got.Problem.SQLSTATE != c.sqlstate {
				t.Fatalf("got %s %+v, want a refusal with %s", got.Kind, got.Problem, c.sqlstate)
			}
			if len(got.Problem.Message) > 200 || strings.Contains(got.Problem.Message, "xxx") {
				t.Errorf("message %q", got.Problem.Message)
			}
			if other := a.Analyze(context.Background(), "SELECT 1"); other.Kind != OrdinaryRead {
				t.Errorf("SELECT 1 afterwards is %s %+v", other.Kind, other.Problem)
			}
		})
	}
}

// Texts that are large but flat are everyday and must pass.
func TestLargeFlatTextsPass(t *testing.T) {
	a := newTestAnalyzer(t, Options{Timeout: 30 * time.Second})
	passes := map[string]struct {
		text string
		kind Kind
	}{
		"literal of 2 MB":   {"INSERT INTO t VALUES ('" + strings.Repeat("x(", 1<<20) + "')", OrdinaryWrite},
		"IN list":           {"SELECT * FROM t WHERE id IN (1" + strings.Repeat(", -1", 20_000) + ")", OrdinaryRead},
		"rows":              {"INSERT INTO t VALUES (1,'2024-01-01', now() - interval '1 day')" + strings.Repeat(", (-1,'a-b', now() - interval '1 day')", 3000), OrdinaryWrite},
		"AND chain":         {"SELECT 1 FROM t WHERE a = 1" + strings.Repeat(" AND a = -1", 20_000), OrdinaryRead},
		"OR chain":          {"SELECT 1 FROM t WHERE a = 1" + strings.Repeat(" OR a = 1 AND b = 2", 20_000), OrdinaryRead},
		"1400 unions":       {chain("SELECT 1", " UNION ALL SELECT 1,2", 1400), OrdinaryRead},
		"1400 terms":        {chain("SELECT 1", " + 1", 1400), OrdinaryRead},
		"statements":        {strings.Repeat("SELECT 1 + 2;", 20_000), OrdinaryRead},
		"comments":          {strings.Repeat("/* a */ -- b /*\n", 10_000) + "SELECT 1", OrdinaryRead},
		"URLs in strings":   {"INSERT INTO t VALUES ('/*')" + strings.Repeat(", ('/*')", 2000), OrdinaryWrite},
		"CASE list":         {"SELECT CASE" + strings.Repeat(" WHEN a = 1 + 2 THEN b + 1", 5000) + " END", OrdinaryRead},
		"hidden at the end": {strings.Repeat("SELECT 1 + 2;", 20_000) + "COPY users TO STDOUT", ExportToClient},
	}
	for name, c := range passes {
		t.Run(name, func(t *testing.T) {
			got := a.Analyze(context.Background(), c.text)
			if got.Kind != c.kind {
				t.Fatalf("got %s %+v, want %s", got.Kind, got.Problem, c.kind)
			}
			if got.ShapeDigest == "" || len(got.Shape) > maxShape {
				t.Errorf("shape of %d bytes, digest %q", len(got.Shape), got.ShapeDigest)
			}
		})
	}
}
