package masked

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

var rewrite = flag.Bool("rewrite", false, "write what queries give into testdata/queries.txt")

const queriesFile = "testdata/queries.txt"

// query is one of the file: what it gives by the simple protocol, and what COPY
// of it is refused with, if it is.
type query struct{ sql, gives string }

func readQueries(t *testing.T) (queries []query) {
	t.Helper()
	content, err := os.ReadFile(queriesFile)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
		sql, gives, _ := strings.Cut(strings.TrimSpace(block), "\n----")
		queries = append(queries, query{sql, strings.TrimPrefix(gives, "\n")})
	}
	return queries
}

// queries runs the queries of the file on every road. The file says what comes
// of each by the simple protocol, and a person has read it.
func (s *stage) queries(t *testing.T) {
	l, server := dial(t, s.sluice()), dial(t, s.direct())
	types := &typed{server: server, known: map[string][]byte{}, names: map[uint32]string{}}
	all := readQueries(t)
	for i := range all {
		q := &all[i]
		result, err := l.run(t, q.sql)
		if err != nil {
			t.Errorf("%s: %v", q.sql, err)
			continue
		}
		gives := words(result.Rows)
		if _, err := copied(t, l, q.sql, ""); err != nil {
			gives += "\nCOPY: " + detail(err)
		}
		if *rewrite {
			q.gives = gives
		} else if gives != q.gives {
			t.Errorf("%s\n  gives\n%s\n  and not\n%s", q.sql, gives, q.gives)
		}
		for _, r := range roads {
			s.along(t, l, types, r, q, result)
		}
	}
	if *rewrite {
		var b strings.Builder
		for _, q := range all {
			fmt.Fprintf(&b, "%s\n----\n%s\n\n", q.sql, q.gives)
		}
		if err := os.WriteFile(queriesFile, []byte(strings.TrimSuffix(b.String(), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// along runs a query on a road and holds what comes against what came by the
// simple protocol.
func (s *stage) along(t *testing.T, l *line, types *typed, r road, q *query, simple *pgconn.Result) {
	t.Helper()
	what := r.name + ": " + q.sql
	rows, err := r.rows(t, l, q.sql)
	l.noCanary(t, what)
	if r.copies && strings.Contains(q.gives, "\nCOPY: ") {
		if err == nil || len(rows) > 0 {
			t.Errorf("%s\n  is not refused", what)
		}
		return
	}
	if err != nil {
		t.Errorf("%s\n  %v", what, err)
		return
	}
	want := simple.Rows
	if r.binary {
		want = types.binary(t, simple)
	}
	if words(rows) != words(want) {
		t.Errorf("%s\n  gives\n%q\n  and not\n%q", what, words(rows), words(want))
	}
}

// detail is why something was refused.
func detail(err error) string {
	var refused *pgconn.PgError
	if e, is := err.(*pgconn.PgError); is {
		refused = e
	} else {
		return err.Error()
	}
	return strings.ReplaceAll(refused.Detail, "\n", `\n`)
}

// typed turns values from text to binary, by asking a server.
type typed struct {
	server *line
	known  map[string][]byte
	names  map[uint32]string
}

// binary is a result in the format binary.
func (y *typed) binary(t *testing.T, r *pgconn.Result) (rows [][][]byte) {
	t.Helper()
	for _, row := range r.Rows {
		out := make([][]byte, len(row))
		for i, v := range row {
			if v != nil {
				out[i] = y.value(t, r.FieldDescriptions[i].DataTypeOID, v)
			}
		}
		rows = append(rows, out)
	}
	return rows
}

func (y *typed) value(t *testing.T, oid uint32, v []byte) []byte {
	t.Helper()
	name, known := y.names[oid]
	if !known {
		r := y.server.ExecParams(t.Context(), fmt.Sprintf("SELECT %d::regtype::text", oid), nil, nil, nil, nil).Read()
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		name = string(r.Rows[0][0])
		y.names[oid] = name
	}
	key := name + " " + string(v)
	if b, known := y.known[key]; known {
		return b
	}
	r := y.server.ExecParams(t.Context(), "SELECT $1::text::"+name, [][]byte{v}, []uint32{25}, nil, []int16{1}).Read()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	y.known[key] = r.Rows[0][0]
	return r.Rows[0][0]
}
