package oracle

import (
	_ "embed"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

//go:embed testdata/schema.sql
var schema string

const (
	user     = "alice"
	password = "alice asks the oracle"
	database = "shop"
	// patience is how long the server may take for one text, and the test
	// waits a good deal longer.
	patience = time.Second
)

// newServer starts a server with the shop. Its user owns the tables and has
// no other right, so that the server itself stops what could leave it.
func newServer(t *testing.T, version int) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version:  version,
		Database: database,
		InitSQL: []string{
			"CREATE ROLE shop_app",
			"CREATE ROLE shop_reader",
			"CREATE ROLE " + user + " LOGIN PASSWORD '" + password + "' IN ROLE shop_app",
			"ALTER ROLE " + user + " SET role = 'shop_app'",
			"ALTER DATABASE " + database + " OWNER TO shop_app",
			"ALTER SCHEMA public OWNER TO shop_app",
			schema,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// session is one conversation with a server, in the simple protocol.
type session struct {
	t      *testing.T
	server *pgserver.Server
	conn   *pgconn.PgConn
	status byte
}

func newSession(t *testing.T, server *pgserver.Server) *session {
	t.Helper()
	s := &session{t: t, server: server}
	s.connect()
	t.Cleanup(func() { s.close() })
	return s
}

func (s *session) connect() {
	s.t.Helper()
	config, err := pgconn.ParseConfig(s.server.DSN(user, password, database))
	if err != nil {
		s.t.Fatal(err)
	}
	config.RuntimeParams["statement_timeout"] = patience.String()
	s.conn, err = pgconn.ConnectConfig(s.t.Context(), config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.status = 'I'
}

func (s *session) close() {
	if s.conn != nil {
		// The server ends a session whose socket is closed; there is
		// nobody to tell of an error.
		_ = s.conn.Conn().Close()
	}
}

// answer is what came back for one Query.
type answer struct {
	// complete counts CommandComplete, empty EmptyQueryResponse.
	complete, empty int
	// code is the SQLSTATE of the error, if there was one.
	code, message string
	rows          [][][]byte
}

// query sends a text as one Query. Whatever COPY asks for is answered with no
// data.
func (s *session) query(sql string) answer {
	s.t.Helper()
	if err := s.conn.Conn().SetDeadline(time.Now().Add(30 * patience)); err != nil {
		s.t.Fatal(err)
	}
	f := s.conn.Frontend()
	f.Send(&pgproto3.Query{String: sql})
	var a answer
	for {
		if err := f.Flush(); err != nil {
			s.t.Fatalf("%s: %v", sql, err)
		}
		message, err := f.Receive()
		if err != nil {
			s.t.Fatalf("%s: %v", sql, err)
		}
		switch m := message.(type) {
		case *pgproto3.CommandComplete:
			a.complete++
		case *pgproto3.EmptyQueryResponse:
			a.empty++
		case *pgproto3.CopyInResponse:
			f.Send(&pgproto3.CopyDone{})
		case *pgproto3.ErrorResponse:
			a.code, a.message = m.Code, m.Message
			if m.Severity == "FATAL" {
				s.close()
				s.connect()
				return a
			}
		case *pgproto3.DataRow:
			row := make([][]byte, len(m.Values))
			for i, v := range m.Values {
				row[i] = append([]byte(nil), v...)
			}
			a.rows = append(a.rows, row)
		case *pgproto3.ReadyForQuery:
			s.status = m.TxStatus
			return a
		}
	}
}

// reset leaves nothing of what was sent before.
func (s *session) reset() {
	s.t.Helper()
	if s.status != 'I' {
		s.query("ROLLBACK")
	}
	if a := s.query("DISCARD ALL"); a.code != "" {
		s.t.Fatalf("DISCARD ALL: %s", a.message)
	}
}

// fail brings the session into a transaction that has failed.
func (s *session) fail() {
	s.t.Helper()
	if s.status == 'E' {
		return
	}
	if s.status != 'I' {
		s.query("ROLLBACK")
	}
	if s.query("BEGIN; SELECT 1 / 0"); s.status != 'E' {
		s.t.Fatal("the transaction has not failed")
	}
}
