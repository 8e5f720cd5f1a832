package proxy

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// keeping is a socket that keeps what is written.
type keeping struct {
	loaded
	sent []byte
}

func (k *keeping) Write(p []byte) (int, error) {
	k.sent = append(k.sent, p...)
	return len(p), nil
}

// types are the message types of what was written, with the SQL of texts, and
// forgets it.
func (k *keeping) types() string {
	var all []string
	for len(k.sent) > 0 {
		length := binary.BigEndian.Uint32(k.sent[1:])
		typ, body := string(k.sent[0]), k.sent[5:1+length]
		switch typ {
		case "Q":
			typ += " " + string(body[:len(body)-1])
		case "P":
			typ += " " + strings.Split(string(body), "\x00")[1]
		}
		all = append(all, typ)
		k.sent = k.sent[1+length:]
	}
	return strings.Join(all, ", ")
}

// roleSession is a session between two sockets that keep what is written.
func roleSession(t *testing.T) (s *session, client, server *keeping) {
	t.Helper()
	s, _, _ = speakingSession(t)
	client, server = &keeping{}, &keeping{}
	s.client = wire.NewConn(client, wire.Client)
	s.upstream = &upstream{conn: wire.NewConn(server, wire.Upstream)}
	s.lease = &credential.Lease{User: "sluice_alice", Role: "shop_app"}
	return s, client, server
}

// say has the session read messages of the client, and returns what goes to the
// server.
func (s *session) say(t *testing.T, client, server *keeping, messages ...message) string {
	t.Helper()
	must(t, s.speak(t, &client.loaded, nil, messages...))
	return server.types()
}

// answerWith has the session read messages of the server, and returns what goes to
// the client.
func (s *session) answerWith(t *testing.T, client, server *keeping, messages ...message) (string, error) {
	t.Helper()
	server.unread = encodeAll(t, messages)
	for range messages {
		if err := next(s.upstream.conn, s.serverMessage); err != nil {
			return "", err
		}
	}
	must(t, s.serverRests())
	return client.types(), nil
}

const taken = "P RESET ROLE, B, E, C, C"

var (
	discardAll, selectOne = &pgproto3.Query{String: "DISCARD ALL"}, &pgproto3.Query{String: "SELECT 1"}
	discarded             = []message{&pgproto3.CommandComplete{CommandTag: []byte("DISCARD ALL")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}}
	takenBack             = []message{
		&pgproto3.ParseComplete{}, &pgproto3.BindComplete{},
		&pgproto3.ParameterStatus{Name: "is_superuser", Value: "off"}, // before 14
		&pgproto3.CommandComplete{CommandTag: []byte("RESET")},
		&pgproto3.CloseComplete{}, &pgproto3.CloseComplete{}, &pgproto3.ReadyForQuery{TxStatus: 'I'},
	}
)

// TestRoleTakenBack: behind what leaves the role comes a RESET ROLE, once, and
// the client sees nothing of it.
func TestRoleTakenBack(t *testing.T) {
	s, client, server := roleSession(t)
	if got := s.say(t, client, server, selectOne, discardAll); got != "Q SELECT 1, Q DISCARD ALL" {
		t.Errorf("sent %s", got)
	}
	if got := s.say(t, client, server, selectOne, selectOne); got != taken+", S, Q SELECT 1, Q SELECT 1" {
		t.Errorf("sent %s", got)
	}
	got, err := s.answerWith(t, client, server, slices.Concat(aRow, discarded, takenBack, aRow, aRow)...)
	if want := "T, D, C, Z, C, Z, T, D, C, Z, T, D, C, Z"; got != want || err != nil {
		t.Errorf("the client was sent %s, %v; want %s", got, err, want)
	}
	if got := s.say(t, client, server, selectOne); got != "Q SELECT 1" {
		t.Errorf("sent %s", got)
	}
}

// TestRoleTakenBackWithinSyncs: no Sync is added to the client's. Should something
// fail before that, the role is as it was: so it is taken back once more.
func TestRoleTakenBackWithinSyncs(t *testing.T) {
	s, client, server := roleSession(t)
	whole := func(text string) []message {
		return []message{&pgproto3.Parse{Query: text}, &pgproto3.Bind{}, &pgproto3.Execute{}}
	}
	got := s.say(t, client, server, slices.Concat(whole("DISCARD ALL"), whole("SELECT 1"), []message{&pgproto3.Sync{}}, whole("SELECT 2"))...)
	if want := "P DISCARD ALL, B, E, " + taken + ", P SELECT 1, B, E, S, " + taken + ", S, P SELECT 2, B, E"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// TestRoleInFailedTransaction: there the role waits until something can run.
func TestRoleInFailedTransaction(t *testing.T) {
	s, client, server := roleSession(t)
	s.say(t, client, server, discardAll, selectOne)
	failed := []message{
		&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: inFailedTransaction, Message: "aborted"},
		&pgproto3.ReadyForQuery{TxStatus: 'E'},
	}
	inE := []message{&pgproto3.CommandComplete{CommandTag: []byte("DISCARD ALL")}, &pgproto3.ReadyForQuery{TxStatus: 'E'}}
	if got, err := s.answerWith(t, client, server, slices.Concat(inE, failed, failed)...); got != "C, Z, E, Z" || err != nil {
		t.Errorf("the client was sent %s, %v", got, err)
	}
	if got := s.say(t, client, server, &pgproto3.Query{String: "ROLLBACK"}); got != "Q ROLLBACK" {
		t.Errorf("sent %s", got)
	}
	if got := s.say(t, client, server, selectOne); got != taken+", S, Q SELECT 1" {
		t.Errorf("sent %s", got)
	}
}

// TestRoleLost: a session that cannot be brought back to its role ends, and so
// does one of which the server says that it works as somebody else.
func TestRoleLost(t *testing.T) {
	for name, c := range map[string]struct {
		asked, answers []message
	}{
		"cancelled": {[]message{discardAll, selectOne}, append(slices.Clone(discarded), &pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014", Message: "cancelled"})},
		"superuser": {[]message{selectOne}, []message{&pgproto3.ParameterStatus{Name: "is_superuser", Value: "on"}}},
		"somebody":  {[]message{selectOne}, []message{&pgproto3.ParameterStatus{Name: "session_authorization", Value: "postgres"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, client, server := roleSession(t)
			s.say(t, client, server, c.asked...)
			_, err := s.answerWith(t, client, server, c.answers...)
			var lost *roleError
			if !errors.As(err, &lost) {
				t.Fatalf("the session goes on: %v", err)
			}
			if words := goodbye(err); words.sqlstate != "42501" || !strings.Contains(words.message, "session ended") || reasonFor(err) != "role changed" {
				t.Errorf("%+v, %s", words, reasonFor(err))
			}
		})
	}
	s, client, server := roleSession(t)
	for _, p := range []param{{"session_authorization", "sluice_alice"}, {"is_superuser", "off"}} {
		if got, err := s.answerWith(t, client, server, &pgproto3.ParameterStatus{Name: p.name, Value: p.value}); got != "S" || err != nil {
			t.Errorf("%s: %s, %v", p.name, got, err)
		}
	}
}

// What the server reports at the login counts as what it reports later.
func TestReportedAtTheLogin(t *testing.T) {
	good := []param{{"client_encoding", "UTF8"}, {"standard_conforming_strings", "on"}, {"session_authorization", "sluice_alice"}, {"is_superuser", "off"}}
	s := &session{lease: &credential.Lease{User: "sluice_alice"}, database: &database{config: Database{Name: "shop"}}}
	for want, statuses := range map[string][]param{
		"":                      good,
		"works as a superuser":  append(slices.Clone(good[:3]), param{"is_superuser", "on"}),
		"with another login":    append(slices.Clone(good[:2]), param{"session_authorization", "postgres"}),
		"reads text in another": append(slices.Clone(good[1:]), param{"client_encoding", "LATIN1"}),
	} {
		s.upstream = &upstream{statuses: statuses}
		err := s.checkReported()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || goodbye(err) == nil) {
			t.Errorf("%v: %v, want %q", statuses, err, want)
		}
	}
}
