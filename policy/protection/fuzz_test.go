package protection

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
)

// answers is a Querier that answers each question by its text.
type answers func(sql string) ([][][]byte, error)

func (a answers) Query(_ context.Context, sql string, row func([][]byte) error) error {
	rows, err := a(sql)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := row(r); err != nil {
			return err
		}
	}
	return nil
}

// FuzzLoad answers every question of a load with rows of a server's own
// making. Whatever they hold, the load ends, and of what it returns everything
// can be asked.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("150004\x0010\x0010=CONNECT\x00shop"), []byte("10\x00postgres\x00t\x00t\x00t\x00t\x00t\x00t\x01"+"16384\x00ana\x00f\x00t\x00f\x00t\x00f\x00f"))
	f.Add([]byte("180000\x0010\x00\x00shop"), []byte("10\x0010\x0010\x0010=SELECT* 0=USAGE\x00r"))
	f.Add([]byte("130000\x0010\x00\x00shop"), []byte("1\x001\x00[\"a\"]\x00t\x00t\x00t\x00t\x00[\"security_invoker=on\"]"))
	f.Fuzz(func(t *testing.T, first, rest []byte) {
		s, err := Load(t.Context(), answers(func(sql string) ([][][]byte, error) {
			if sql == askDatabase {
				return rowsOf(first), nil
			}
			return rowsOf(rest), nil
		}))
		if (s == nil) == (err == nil) {
			t.Fatalf("server %v and error %v", s, err)
		}
		if s == nil {
			return
		}
		subjects, err := ParseSubjects(map[string][]string{"analyst": {"a*"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range s.Relations() {
			if readers, _ := s.Readers(r); len(readers) > 0 {
				_ = readers[0].String()
			}
			place := Place{Name: "x", Subjects: subjects}
			v := Compare(Source(s, r, place, nil), Destination(s, r, place, nil), Rules{})
			_ = v.String()
		}
	})
}

// rowsOf makes rows that are as long as any question's.
func rowsOf(data []byte) (rows [][][]byte) {
	for line := range bytes.SplitSeq(data, []byte{1}) {
		row := bytes.Split(line, []byte{0})
		for have := row; len(row) < 16; {
			row = append(row, have...)
		}
		rows = append(rows, row)
	}
	return rows
}

// FuzzRights: a list of rights is read as it is or refused.
func FuzzRights(f *testing.F) {
	f.Add([]byte("16384=SELECT* 0=USAGE 10=MAINTAIN"))
	f.Add([]byte("=SELECT"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseRights(text)
		if err != nil && list != nil {
			t.Fatalf("%v and %v", list, err)
		}
		for _, r := range list {
			if r.holds == 0 || r.passes&^r.holds != 0 || !bytes.Contains(text, []byte("=")) {
				t.Fatalf("%q is read as %+v", text, list)
			}
		}
	})
}

// FuzzCondition: the tokens of a condition are its text without the white space
// between them, and columns under their own names change no token's meaning.
func FuzzCondition(f *testing.F) {
	f.Add(`(tenant_id = (current_setting('app.tenant'::text, true))::integer)`)
	f.Add(`("E-mail" ~~ E'a\'b%'::text) AND x.y('it''s', "q""q")`)
	f.Add(`'not closed`)
	f.Fuzz(func(t *testing.T, text string) {
		tokens := conditionTokens(text)
		rest := text
		for _, token := range tokens {
			before, after, found := strings.Cut(rest, token)
			if !found || strings.TrimSpace(before) != "" {
				t.Fatalf("%q is split into %q", text, tokens)
			}
			rest = after
		}
		if strings.TrimSpace(rest) != "" {
			t.Fatalf("%q loses %q", text, rest)
		}
		columns := []string{"tenant_id", "E-mail", "a"}
		same, known := renamed(tokens, columns, func(c string) (string, bool) { return c, true })
		if !known || len(same) != len(tokens) {
			t.Fatalf("%q: %q", tokens, same)
		}
		for i := range same {
			if same[i] != tokens[i] && (unquoted(same[i]) != unquoted(tokens[i]) || !slices.Contains(columns, unquoted(tokens[i]))) {
				t.Fatalf("%q becomes %q", tokens[i], same[i])
			}
		}
	})
}

// FuzzFacts: stored facts are read only in their canonical form.
func FuzzFacts(f *testing.F) {
	f.Add([]byte(`{"facts":[{"subject":"analyst","column":"a.b.c","scope":{"rows":"all"},"effort":0,"authentication":40,"transport":10}]}`))
	f.Add([]byte(`{"facts":[{"subject":"analyst","column":"a.b.c","masked":5,"scope":{"rows":"some","any":["x"],"soft":true},"effort":3,"authentication":0,"transport":0}],"unknown":[{"code":"entry","object":"x"}]}`))
	f.Add([]byte(`{"facts":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := ParseFacts(data)
		if (facts == nil) == (err == nil) {
			t.Fatalf("%v and %v", facts, err)
		}
		if facts == nil {
			return
		}
		again, err := facts.JSON()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%s becomes %s, %v", data, again, err)
		}
		_ = Compare(facts, facts, Rules{}).String()
	})
}

// FuzzSubjects: a pattern is read or refused, and matches what it says.
func FuzzSubjects(f *testing.F) {
	f.Add("svc_*", "svc_report")
	f.Add("+analysts", "analysts")
	f.Add("*a*b*", "xaxbx")
	f.Fuzz(func(t *testing.T, pattern, role string) {
		s, err := ParseSubjects(map[string][]string{"x": {pattern}})
		if err != nil {
			return
		}
		_, of := s.Of(role, nil)
		group, isGroup := strings.CutPrefix(pattern, "+")
		switch {
		case isGroup && of != (group == role), !isGroup && !strings.Contains(pattern, "*") && of != (pattern == role):
			t.Fatalf("%q matches %q: %v", pattern, role, of)
		case pattern == "*" && !of:
			t.Fatalf("* does not match %q", role)
		}
		if _, member := s.Of(role, []string{group}); isGroup && !member {
			t.Fatalf("%q does not match a member", pattern)
		}
	})
}
