package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// psql connects with the real client and returns what it printed.
func psql(t *testing.T, s *loginServer, password, parameters string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal("this test needs psql (apt-get install postgresql-client): ", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	port := s.listener.Addr().(*net.TCPAddr).Port
	target := fmt.Sprintf("host=localhost hostaddr=127.0.0.1 port=%d user=%s dbname=shop %s", port, testUser, parameters)
	cmd := exec.CommandContext(ctx, path, "-X", "-w", "-d", target, "-c", `\echo in`)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// libpq decides by what it is offered: every kind of certificate must let it
// in, and with a binding wherever one exists.
func TestPsql(t *testing.T) {
	for _, test := range []struct {
		name      string
		kind      string
		algorithm x509.SignatureAlgorithm
		bound     bool
	}{
		{"RSA", "rsa", x509.SHA256WithRSA, true},
		{"ECDSA", "ecdsa", x509.ECDSAWithSHA384, true},
		{"RSA-PSS", "rsa", x509.SHA256WithRSAPSS, false},
		{"Ed25519", "ed25519", x509.PureEd25519, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			ca := newAuthority(t, test.kind)
			roots := filepath.Join(t.TempDir(), "root.pem")
			writeFile(t, roots, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})), 0o600)
			config := &tls.Config{Certificates: []tls.Certificate{ca.issue(pkix.Name{CommonName: "localhost"}, test.algorithm)}}
			s := startLoginServer(t, testVerifiers(t), config)

			if out, err := psql(t, s, testPassword, "sslmode=verify-full sslrootcert="+roots); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if identity, err := result(t, s); err != nil || identity.ChannelBound != test.bound {
				t.Errorf("identity %+v, error %v", identity, err)
			}
			out, err := psql(t, s, testPassword, "sslmode=verify-full channel_binding=require sslrootcert="+roots)
			if test.bound != (err == nil) {
				t.Errorf("channel_binding=require: %v: %s", err, out)
			}
			_, _ = result(t, s)
			out, err = psql(t, s, "wrong", "sslmode=require")
			if err == nil || !strings.Contains(out, `password authentication failed for user "alice"`) {
				t.Errorf("wrong password: %v: %s", err, out)
			}
		})
	}
}

// psql without a password leaves and asks for one; that is no failed guess.
func TestPsqlThatAsksForAPassword(t *testing.T) {
	s := startLoginServer(t, testVerifiers(t), nil)
	out, err := psql(t, s, "", "sslmode=disable")
	if err == nil || !strings.Contains(out, "no password supplied") {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := result(t, s); err == nil || !strings.HasPrefix(err.Error(), "client: ") {
		t.Errorf("error %v", err)
	}
}
