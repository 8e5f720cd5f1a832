package proxytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// certificate makes a server's TLS and the client's to match.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	return server, &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

func dialFake(t *testing.T, f *Fake) *RawClient {
	t.Helper()
	conn, err := net.Dial("tcp", f.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return NewRawClient(conn)
}

func loginFake(t *testing.T, f *Fake) *RawClient {
	t.Helper()
	c := dialFake(t, f)
	if err := c.Send(StartupPacket(Protocol30, Parameter{"user", "u"})); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Authenticate(f.config.Password); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReceiveUntil('Z'); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFakeToADriver: a driver that knows only real servers is content.
func TestFakeToADriver(t *testing.T) {
	server, client := certificate(t)
	f := StartFake(t, FakeConfig{TLS: server, Password: "open sesame", Answer: func(sql string) []Step {
		switch sql {
		case "SELECT greeting":
			return []Step{Rows([]string{"greeting"}, []string{"hello"}, []string{"again"}), Complete("SELECT 2")}
		case "SELECT wrong":
			return []Step{Fail("42703", "no such column")}
		}
		return nil
	}})
	conn := connectDriver(t, f, client, "open sesame")
	defer conn.Close(t.Context())
	results, err := conn.Exec(t.Context(), "SELECT greeting").ReadAll()
	if err != nil || len(results) != 1 || len(results[0].Rows) != 2 || string(results[0].Rows[1][0]) != "again" {
		t.Errorf("%v, %v", results, err)
	}
	var pgErr *pgconn.PgError
	if _, err := conn.Exec(t.Context(), "SELECT wrong").ReadAll(); !errors.As(err, &pgErr) || pgErr.Code != "42703" {
		t.Errorf("simple: %v", err)
	}
	if r := conn.ExecParams(t.Context(), "SELECT wrong", nil, nil, nil, nil).Read(); !errors.As(r.Err, &pgErr) || pgErr.Code != "42703" {
		t.Errorf("extended: %v", r.Err)
	}
	if _, err := conn.Exec(t.Context(), "BEGIN").ReadAll(); err != nil || conn.TxStatus() != 'T' {
		t.Errorf("BEGIN: %v, %c", err, conn.TxStatus())
	}
	if err := conn.CancelRequest(t.Context()); err != nil {
		t.Error(err)
	}
	if got := f.Cancels(); len(got) != 1 || got[0] != (Cancel{conn.PID(), "fake"}) {
		t.Errorf("cancels: %v", got)
	}
	want := []string{"SELECT greeting", "SELECT wrong", "SELECT wrong", "BEGIN"}
	if got := f.Texts(); !slices.Equal(got, want) {
		t.Errorf("texts: %q", got)
	}
}

func connectDriver(t *testing.T, f *Fake, client *tls.Config, password string) *pgconn.PgConn {
	t.Helper()
	conn, err := tryDriver(t.Context(), f, client, password)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func tryDriver(ctx context.Context, f *Fake, client *tls.Config, password string) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig("postgres://u@" + f.Addr() + "/db?sslmode=disable")
	if err != nil {
		return nil, err
	}
	config.TLSConfig, config.Password = client, password
	if client != nil {
		config.ChannelBinding = "require"
	}
	return pgconn.ConnectConfig(ctx, config)
}

func TestFakeRefusesAWrongPassword(t *testing.T) {
	f := StartFake(t, FakeConfig{Password: "right"})
	var pgErr *pgconn.PgError
	if _, err := tryDriver(t.Context(), f, nil, "wrong"); !errors.As(err, &pgErr) || pgErr.Code != "28P01" {
		t.Errorf("%v", err)
	}
	connectDriver(t, f, nil, "right").Close(t.Context())
}

// TestFakeMisbehaves: every step does on the wire what it says.
func TestFakeMisbehaves(t *testing.T) {
	row := Frame{'D', []byte{0, 1, 0, 0, 0, 1, 'x'}}
	tests := []struct {
		name  string
		steps []Step
		want  string // what a script would show, then how it ends
	}{
		{"close in the middle", []Step{CutShort(row, 7)}, "unexpected EOF"},
		{"hang up", []Step{HangUp}, "EOF"},
		{"garbage", []Step{SayBytes([]byte("\x00\x00\x00\x00\x00\x00"))}, "not a message"},
		{"huge length", []Step{Announce('D', 1<<31-1)}, "not a message"},
		{"no SQLSTATE", []Step{Fail("", "what?")}, "ErrorResponse ERROR  M=\"what?\"|ReadyForQuery I"},
		{"odd report", []Step{Report("client_encoding", "SJIS"), Complete("SELECT 0")}, "ParameterStatus client_encoding \"SJIS\"|CommandComplete \"SELECT 0\"|ReadyForQuery I"},
		{"more tags", []Step{Complete("SELECT 1"), Complete("SELECT 1"), Complete("COPY 5")}, "CommandComplete \"SELECT 1\"|CommandComplete \"SELECT 1\"|CommandComplete \"COPY 5\"|ReadyForQuery I"},
		{"byte by byte", []Step{Dribble(row, row)}, "DataRow \"x\"|DataRow \"x\"|ReadyForQuery I"},
		{"odd status", []Step{Status('?')}, "ReadyForQuery ?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := StartFake(t, FakeConfig{Answer: func(string) []Step { return tt.steps }})
			c := loginFake(t, f)
			if err := c.Send(mustParse(t, `Query "x"`)); err != nil {
				t.Fatal(err)
			}
			frames, err := c.ReceiveUntil('Z')
			var lines []string
			for _, m := range frames {
				lines = append(lines, Render(m, View{Messages: true}))
			}
			got := strings.Join(lines, "|")
			if err != nil {
				got += err.Error()
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func mustParse(t *testing.T, lines ...string) []byte {
	t.Helper()
	var all []byte
	for _, l := range lines {
		b, err := ParseMessage(l)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func TestFakeIsSilent(t *testing.T) {
	f := StartFake(t, FakeConfig{Answer: func(string) []Step { return []Step{Silence} }})
	c := loginFake(t, f)
	if err := c.Send(mustParse(t, `Query "one"`, `Query "two"`)); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if b, err := c.in.ReadByte(); err == nil {
		t.Errorf("the fake said %q", b)
	}
	if got := f.Texts(); len(got) != 2 {
		t.Errorf("received %q", got)
	}
}

func TestFakeBeforeTheLogin(t *testing.T) {
	f := StartFake(t, FakeConfig{OnStartup: []Step{SayBytes([]byte("HTTP/1.1 400\r\n")), HangUp}})
	c := dialFake(t, f)
	if err := c.Send(StartupPacket(Protocol30, Parameter{"user", "u"}, Parameter{"user", "v"})); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(c.in)
	if err != nil || string(rest) != "HTTP/1.1 400\r\n" {
		t.Errorf("%q, %v", rest, err)
	}
	if got := f.Startups(); len(got) != 1 || !slices.Equal(got[0], []Parameter{{"user", "u"}, {"user", "v"}}) {
		t.Errorf("start-ups: %v", got)
	}
}

// TestFakeSkipsToSync: after an error the fake ignores the pipeline as a real
// server does, in and outside of blocks.
func TestFakeSkipsToSync(t *testing.T) {
	f := StartFake(t, FakeConfig{Answer: func(sql string) []Step {
		if sql == "bad" {
			return []Step{Fail("42501", "no")}
		}
		return nil
	}})
	c := loginFake(t, f)
	err := c.Send(mustParse(t,
		`Query "BEGIN"`,
		`Parse "" "bad"`, `Bind "" ""`, `Execute ""`, `Parse "" "good"`, `Bind "" ""`, `Execute ""`, `Sync`,
		`Query "ROLLBACK"`,
		`Parse "" "good"`, `Describe S ""`, `Bind "" ""`, `Execute ""`, `Close S ""`, `Sync`))
	if err != nil {
		t.Fatal(err)
	}
	var types []byte
	for range 4 {
		frames, err := c.ReceiveUntil('Z')
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range frames {
			types = append(types, m.Type)
			if m.Type == 'Z' {
				types = append(types, m.Body...)
			}
		}
	}
	if string(types) != "CZT"+"12EZE"+"CZI"+"1tn2C3ZI" {
		t.Errorf("%s", types)
	}
}
