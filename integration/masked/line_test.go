package masked

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/integration/harness"
)

// line is a connection of a client of which every byte that comes is kept.
type line struct {
	*pgconn.PgConn
	heard *heard
	// kept are the names of what it has prepared to use again.
	kept map[string]bool
}

// heard is what has come over a connection.
type heard struct {
	net.Conn
	mu  sync.Mutex
	all bytes.Buffer
}

// Read implements net.Conn.
func (h *heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all.Write(b[:n])
	return n, err
}

// take returns what has come since it was last asked.
func (h *heard) take() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := bytes.Clone(h.all.Bytes())
	h.all.Reset()
	return out
}

// dial opens a connection that ends with the test.
func dial(t *testing.T, target harness.Target) *line {
	t.Helper()
	config, err := pgconn.ParseConfig(target.URL())
	if err != nil {
		t.Fatal(err)
	}
	l := &line{heard: &heard{}, kept: map[string]bool{}}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		l.heard.Conn = conn
		return l.heard, err
	}
	l.PgConn, err = pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return l
}

// noCanary looks at everything that has come.
func (l *line) noCanary(t *testing.T, what string) {
	t.Helper()
	if found := canaryIn(l.heard.take()); found != "" {
		t.Errorf("%s\n  brought %s", what, found)
	}
}

// run runs a text by the simple protocol and returns its last result.
func (l *line) run(t *testing.T, sql string) (*pgconn.Result, error) {
	t.Helper()
	results, err := l.Exec(t.Context(), sql).ReadAll()
	l.noCanary(t, sql)
	if err != nil {
		return nil, err
	}
	return results[len(results)-1], nil
}

// must runs a text that has to succeed and returns the rows of its last
// statement in the words of words.
func (l *line) must(t *testing.T, sql string) string {
	t.Helper()
	result, err := l.run(t, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return words(result.Rows)
}

// words writes rows: values with | between, rows with a line end.
func words(rows [][][]byte) string {
	var b bytes.Buffer
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, v := range row {
			if j > 0 {
				b.WriteByte('|')
			}
			if v == nil {
				b.WriteString("NULL")
				continue
			}
			b.Write(bytes.ReplaceAll(v, []byte("\n"), []byte(`\n`)))
		}
	}
	return b.String()
}

// speak sends messages as they are and returns what comes up to the last
// ReadyForQuery that they ask for.
func (l *line) speak(t *testing.T, messages ...pgproto3.FrontendMessage) (rows [][][]byte, failed *pgproto3.ErrorResponse) {
	t.Helper()
	front := l.Frontend()
	due := 0
	for _, m := range messages {
		front.Send(m)
		switch m.(type) {
		case *pgproto3.Sync, *pgproto3.Query:
			due++
		}
	}
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	for due > 0 {
		m, err := front.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			row := make([][]byte, len(m.Values))
			for i, v := range m.Values {
				row[i] = bytes.Clone(v)
			}
			rows = append(rows, row)
		case *pgproto3.CopyData:
			rows = append(rows, [][]byte{bytes.Clone(m.Data)})
		case *pgproto3.ErrorResponse:
			copied := *m
			failed = &copied
		case *pgproto3.ReadyForQuery:
			due--
		}
	}
	return rows, failed
}
