package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestAway: what passes by itself is told from what somebody has to mend.
func TestAway(t *testing.T) {
	for code, want := range map[string]bool{"57P03": true, "53300": true, "57P01": true, "28P01": false, "3D000": false, "42501": false} {
		if got := Away(fmt.Errorf("login: %w", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("SQLSTATE %s: %v", code, got)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go presentUntrusted(ln)
	dsn := fmt.Sprintf("host=127.0.0.1 port=%d user=x dbname=x sslmode=verify-full", ln.Addr().(*net.TCPAddr).Port)
	if _, err := pgconn.Connect(t.Context(), dsn); err == nil || Away(err) {
		t.Errorf("a certificate that nobody vouches for: %v is taken to pass", err)
	}
	ln.Close()
	if _, err := pgconn.Connect(t.Context(), dsn); !Away(err) {
		t.Errorf("nobody listens: %v is taken to stay", err)
	}
}

// presentUntrusted takes one client to a certificate that it cannot verify.
func presentUntrusted(ln net.Listener) {
	nc, err := ln.Accept()
	if err != nil {
		return
	}
	defer nc.Close()
	if _, err := io.ReadFull(nc, make([]byte, 8)); err != nil { // SSLRequest
		return
	}
	if _, err := nc.Write([]byte{'S'}); err != nil {
		return
	}
	known := httptest.NewTLSServer(nil)
	defer known.Close()
	_ = tls.Server(nc, &tls.Config{Certificates: known.TLS.Certificates}).Handshake() // the client ends it
}
