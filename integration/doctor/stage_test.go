package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/doctor"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/layers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The roles are those of the quickstart, and what PostgreSQL grants to PUBLIC
// is taken away.
const roles = `
CREATE ROLE people NOLOGIN;
CREATE ROLE issuer LOGIN CREATEROLE PASSWORD 'the issuer in this suite';
GRANT people TO issuer WITH ADMIN OPTION;
GRANT pg_signal_backend TO issuer;
GRANT SELECT ON pg_hba_file_rules TO issuer;
GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO issuer;
REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO people;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO people;`

// stage is a configuration in order, in front of a real server.
type stage struct {
	world *harness.World
	dir   string
	port  int
}

func newStage(t *testing.T, version int) *stage {
	t.Helper()
	secrets.Learn(secrets.Password, "the issuer in this suite")
	secrets.Learn(secrets.Password, "a password of this suite")
	s := &stage{world: harness.NewWorld(t, version), dir: t.TempDir(), port: harness.FreePort(t)}
	t.Cleanup(func() { secrets.LearnKeys(s.dir) })
	s.world.Exec(t, "shop", roles)
	s.write(t, "policy.yaml", "version: 1\n")
	s.write(t, "issuer.pgpass", "*:*:*:issuer:the issuer in this suite\n")
	s.certificate(t, "server", time.Now().Add(-time.Hour), 300*24*time.Hour, "localhost")
	if err := identity.AddUser(s.path("users.scram"), "anna", []byte("a password of this suite"), 0); err != nil {
		t.Fatal(err)
	}
	s.configure(t)
	return s
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// configure writes the configuration with some words replaced.
func (s *stage) configure(t *testing.T, replace ...string) {
	t.Helper()
	text := fmt.Sprintf(`listen:
  - address: 127.0.0.1:%d
    tls: {cert: server.pem, key: server.key}
users: users.scram
auth:
  - {databases: [all], users: [all], addresses: [all], method: scram-sha-256}
policy: policy.yaml
trail: {dir: trail}
limits: {connections: 40}
databases:
  - name: shop
    upstream: {host: localhost, port: %d, tls: {mode: verify-full, ca: %q}}
    credential:
      builtin: {admin: "host=localhost port=%d user=issuer sslmode=verify-full sslrootcert=%s passfile=%s", group: people}
`, s.port, s.world.Server.Port(), s.world.Server.CAFile, s.world.Server.Port(), s.world.Server.CAFile, s.path("issuer.pgpass"))
	for i := 0; i+1 < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the configuration has no %q", replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	s.write(t, "sluice.yaml", text)
}

// certificate writes a self-signed certificate and its key.
func (s *stage) certificate(t *testing.T, base string, from time.Time, life time.Duration, hosts ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the proxy"}, DNSNames: hosts,
		NotBefore: from, NotAfter: from.Add(life),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, base+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.write(t, base+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
}

func (s *stage) chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(s.path(name), mode); err != nil {
		t.Fatal(err)
	}
}

// examine is what the doctor says of a configuration file.
func examine(t *testing.T, path string) *doctor.Report {
	t.Helper()
	loaded, err := layers.Load(layers.Sources{File: path})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return doctor.Examine(ctx, loaded.Config)
}

func (s *stage) examine(t *testing.T) *doctor.Report {
	t.Helper()
	return examine(t, s.path("sluice.yaml"))
}

// elsewhere are checks that differ between machines and versions.
var elsewhere = []string{
	"trail.disk", "clock.synchronised", "database.version", "database.support", "database.holes",
	"public.create", "public.functions",
}

var (
	dates = regexp.MustCompile(`\d{4}-\d\d-\d\d( \d\d:\d\d:\d\dZ)?`)
	spans = regexp.MustCompile(`\b\d+ (days|hours)\b`)
)

// lines are the checks of a report, one text each, without what differs
// between runs.
func (s *stage) lines(r *doctor.Report) []string {
	blank := strings.NewReplacer(
		s.dir, "DIR", filepath.Dir(s.world.Server.CAFile), "SERVER",
		fmt.Sprint(s.world.Server.Port()), "PORT", fmt.Sprint(s.port), "LISTEN", "[::1]:", "127.0.0.1:",
	)
	var out []string
	for _, c := range r.Checks {
		secrets.Show("doctor", c)
		if strings.Contains(c.Evidence+c.Fix, "the issuer in this suite") {
			panic("the doctor told the password: " + c.Name)
		}
		if slices.Contains(elsewhere, c.Name) {
			continue
		}
		text := fmt.Sprintf("%s %s (%s)\n%s", c.State, c.Name, c.Subject, c.Evidence)
		if c.Fix != "" {
			text += "\nfix: " + c.Fix
		}
		text = spans.ReplaceAllString(dates.ReplaceAllString(blank.Replace(text), "DATE"), "N $1")
		out = append(out, strings.ReplaceAll(text, "\n", "\n    "))
	}
	return out
}
