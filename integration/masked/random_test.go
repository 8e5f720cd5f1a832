package masked

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/provenance/queries"
)

var (
	randomQueries = flag.Int("queries", 120, "how many random queries to run")
	randomSeed    = flag.Uint64("seed", 6, "what random queries begin with")
)

// classified are the columns of the schema of random queries that the policy
// gives a class, with canaries in them.
var classified = map[string][]string{
	"app.users": {"email", "name", "phone"}, "app.orders": {"email", "total"}, "app.items": {"sku"}, "other.users": {"token"},
	"app.made": {"email"}, "app.logs": {"line"}, "app.base": {"name"}, "app.derived": {"secret"},
}

// randomSchema is that schema twice: with canaries, and as it is under the names
// plainapp and plainother.
func randomSchema() string {
	plain := unclassified(queries.Schema)
	var b strings.Builder
	b.WriteString("SET ROLE shop_app;\n" + queries.Schema + plain)
	for table, columns := range classified {
		for _, c := range columns {
			b.WriteString("UPDATE " + table + " SET " + c + " = 'canary' || " + c + ";\n")
		}
	}
	b.WriteString("REFRESH MATERIALIZED VIEW app.m_users;\n")
	return b.String()
}

func unclassified(sql string) string {
	return strings.NewReplacer("app.", "plainapp.", "other.", "plainother.", "SCHEMA app;", "SCHEMA plainapp;", "SCHEMA other;", "SCHEMA plainother;").Replace(sql)
}

// longest is how long a query may be, in bytes: servers plan some of the longer
// ones for minutes, which statement_timeout does not end.
const longest = 700

// random runs queries that nobody thought of: no canary comes, and where no
// column has a class the same query gives what it gives at the server itself.
func (s *stage) random(t *testing.T) {
	s.world.Exec(t, "shop", randomSchema())
	l, server := dial(t, s.sluice()), dial(t, s.direct())
	for _, c := range []*line{l, server} {
		c.must(t, "SET statement_timeout = '500ms'")
	}
	m := &queries.Maker{Rand: rand.New(rand.NewPCG(*randomSeed, uint64(s.world.Version)))}
	masked, refused, compared := 0, 0, 0
	for range *randomQueries {
		sql := m.Statement()
		if len(sql) > longest {
			continue
		}
		want, broken := s.atServer(t, server, unclassified(sql))
		if broken != "" && broken != "57014" {
			continue // means nothing to a server of this version
		}
		switch refusal := s.withCanaries(t, l, m, sql); refusal {
		case "":
			masked++
		case "42501":
			refused++
		}
		if broken != "" {
			continue
		}
		results, err := l.Exec(t.Context(), "BEGIN; "+unclassified(sql)+"; ROLLBACK").ReadAll()
		l.heard.take()
		if err != nil {
			l.speakRollback(t)
			if e := failure(err); e != nil && (e.Code == "57014" || !isRead(sql)) {
				continue // slow, or a copy inside the server, which is refused
			}
			t.Errorf("%s\n  is harmed where nothing has a class: %v\n%s", unclassified(sql), err, detail(err))
			continue
		}
		compared++
		if got := sorted(results[1].Rows); got != want {
			t.Errorf("%s\n  gives\n%s\n  and at the server itself\n%s", unclassified(sql), got, want)
		}
	}
	t.Logf("%d queries gave masked results, %d were refused; %d compared where nothing has a class", masked, refused, compared)
	if masked < *randomQueries/5 || compared < *randomQueries/5 || refused > masked {
		t.Errorf("of %d queries %d gave masked results, %d were refused, %d compared", *randomQueries, masked, refused, compared)
	}
}

func isRead(sql string) bool {
	return !strings.HasPrefix(sql, "INSERT") && !strings.HasPrefix(sql, "UPDATE") && !strings.HasPrefix(sql, "MERGE")
}

// withCanaries runs a query on the data with canaries, on a road of its own,
// and what it wrote is looked at. It returns the code of an error.
func (s *stage) withCanaries(t *testing.T, l *line, m *queries.Maker, sql string) string {
	t.Helper()
	var err error
	switch at := m.IntN(len(roads) + 1); {
	case at < len(roads) && strings.HasPrefix(sql, "SELECT"):
		_, err = roads[at].rows(t, l, sql)
	default:
		_, err = l.Exec(t.Context(), "BEGIN; "+sql).ReadAll()
		if err == nil && !isRead(sql) {
			_, _ = l.Exec(t.Context(), "SELECT * FROM app.users; SELECT * FROM app.orders; SELECT * FROM app.items; SELECT * FROM other.users").ReadAll()
		}
	}
	l.noCanary(t, sql)
	l.speakRollback(t)
	if e := failure(err); e != nil {
		return e.Code
	}
	return ""
}

// speakRollback leaves a transaction, and what was prepared in it.
func (l *line) speakRollback(t *testing.T) {
	t.Helper()
	_, _ = l.Exec(t.Context(), "ROLLBACK").ReadAll()
	_, _ = l.Exec(t.Context(), "DEALLOCATE ALL").ReadAll()
}

// atServer is what a query gives at the server itself, or the code of its error.
func (s *stage) atServer(t *testing.T, server *line, sql string) (rows, failed string) {
	t.Helper()
	results, err := server.Exec(t.Context(), "BEGIN; "+sql+"; ROLLBACK").ReadAll()
	if err != nil {
		_, _ = server.Exec(t.Context(), "ROLLBACK").ReadAll()
		if e := failure(err); e != nil {
			return "", e.Code
		}
		t.Fatal(err)
	}
	return sorted(results[1].Rows), ""
}

func sorted(rows [][][]byte) string {
	lines := strings.Split(words(rows), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
