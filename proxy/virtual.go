package proxy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// virtual replaces every SHOW of a variable that the proxy itself answers by
// a constant SELECT, so that the server keeps the order, and what would leave
// the session's role by what does not (role.go). It returns "" if there is
// none, or if the text with the replacements would not have the same number of
// statements and the same kind.
func (s *session) virtual(ctx context.Context, text string, statements []statement.Statement) string {
	var out strings.Builder
	last := 0
	for i := range statements {
		st := &statements[i]
		instead := st.Instead
		if rows := s.answer(ctx, st.Show); rows != nil {
			instead = rows.selectText()
		}
		if instead == "" {
			continue
		}
		start, end := statement.Locate(text, st.Start), statement.Locate(text, st.End)
		if start < last || end < start {
			return ""
		}
		out.WriteString(text[last:start])
		out.WriteString(instead)
		last = end
	}
	if last == 0 {
		return ""
	}
	out.WriteString(text[last:])
	again := s.server.analyzer.Analyze(ctx, out.String())
	if len(again.Statements) != len(statements) || again.Kind != worstKind(statements) {
		return ""
	}
	return out.String()
}

// onlyVirtual reports whether the proxy itself answers all of a text that it
// answers a part of.
func onlyVirtual(statements []statement.Statement) bool {
	return !slices.ContainsFunc(statements, func(st statement.Statement) bool { return !strings.HasPrefix(st.Show, "sluice.") })
}

func worstKind(statements []statement.Statement) statement.Kind {
	kind := statement.OrdinaryRead
	for i := range statements {
		kind = statement.Worst(kind, statements[i].Kind)
	}
	return kind
}

// table is the answer to a virtual SHOW. Every value is text.
type table struct {
	columns []string
	rows    [][]string
}

// selectText writes the table as a SELECT of constants. Its values are the
// proxy's own; they are quoted all the same.
func (t *table) selectText() string {
	var b strings.Builder
	b.WriteString("SELECT * FROM (VALUES ")
	for i, row := range t.rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for j, value := range row {
			if j > 0 {
				b.WriteString(", ")
			}
			b.WriteString(constant(value))
		}
		b.WriteByte(')')
	}
	b.WriteString(") AS sluice (")
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote.Identifier(c))
	}
	b.WriteByte(')')
	return b.String()
}

// constant writes a value of an answer for people: in ASCII and on one line,
// so that it reads alike everywhere. Other characters become question marks.
func constant(value string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == '\\' || r > '~':
			return '?'
		}
		return r
	}, value)
	return quote.Literal(clean) + "::pg_catalog.text"
}

// answer returns what a virtual variable shows, nil if it is none.
func (s *session) answer(ctx context.Context, variable string) *table {
	name, ok := strings.CutPrefix(variable, "sluice.")
	if !ok {
		return nil
	}
	switch {
	case name == "session":
		return s.showSession()
	case name == "help":
		return showHelp()
	case name == "policy":
		p := s.server.policy.Load()
		return &table{[]string{"policy", "digest"}, [][]string{{p.Name(), p.Digest()}}}
	case name == "budget":
		return s.showBudget()
	case strings.HasPrefix(name, "why_"):
		s.leave()
		return s.showWhy(ctx, strings.TrimPrefix(name, "why_"))
	}
	return nil
}

func (s *session) showSession() *table {
	tls := "no"
	if s.identity.TLS {
		tls = "yes"
	}
	rows := [][]string{
		{"session", s.id},
		{"user", s.identity.User},
		{"proven by", s.identity.Method},
	}
	if b := s.identity.Bearer; b != nil {
		rows = append(rows, []string{"person", b.Name + " of " + b.Issuer}, []string{"groups", strings.Join(b.Groups, ", ")},
			[]string{"token expires", b.Expires.Format(time.RFC3339)})
	}
	rows = append(rows, [][]string{
		{"encrypted", tls},
		{"from", s.address},
		{"database", s.database.config.Name},
		{"works as role", s.lease.Role},
		{"logged in upstream as", s.lease.User},
	}...)
	if purpose := s.chosen.terms.Purpose; purpose != "" {
		rows = append(rows, []string{"purpose", purpose})
	}
	rows = append(rows,
		s.showEnd(),
		[]string{"policy", s.server.policy.Load().Name()},
		[]string{"recorded", "every statement with its verdict and result; no row, no literal"},
	)
	return &table{[]string{"item", "value"}, rows}
}

// showEnd says until when the credential is good, and that it will be renewed if
// it may be.
func (s *session) showEnd() []string {
	term, _ := termOf(s.lease)
	end := term.Expires.UTC().Format(time.RFC3339)
	if s.lease.Life != nil && term.Last == nil {
		return []string{"renewed before", end}
	}
	return []string{"ends at the latest", end}
}

func showHelp() *table {
	return &table{[]string{"help"}, [][]string{
		{"This connection goes through Sluice: work as always, until a statement would take data where it must not go."},
		{"A refused statement did not run. Its message names the rule and a request id; the session goes on."},
		{"SHOW sluice.why_<request id>;  why one of your statements was refused, and what to do instead"},
		{"SHOW sluice.session;  who you are here, and what is recorded"},
		{"SHOW sluice.budget;  how much of what you may still be given, and when there is more"},
		{"SHOW sluice.policy;  the policy in force"},
	}}
}

// showWhy answers a subject about its own requests only. A request of
// somebody else reads like one that never was.
func (s *session) showWhy(ctx context.Context, id string) *table {
	unknown := &table{[]string{"why"}, [][]string{{"no request " + id + " of yours is on record; reviewers ask with: sluice why " + id}}}
	if s.server.explain == nil {
		return unknown
	}
	select {
	case s.server.explaining <- struct{}{}:
		defer func() { <-s.server.explaining }()
	default:
		return &table{[]string{"why"}, [][]string{{"others are searching the trail right now; ask again in a moment"}}}
	}
	lines, err := s.server.explain(ctx, id, s.identity.User)
	if err != nil || len(lines) == 0 {
		return unknown
	}
	t := &table{columns: []string{"why"}}
	for _, l := range lines {
		t.rows = append(t.rows, []string{l})
	}
	return t
}
