package posture

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/proxy/probe"
)

// goodHBA is what a place should have.
var goodHBA = []string{"hostssl all all 127.0.0.0/8 scram-sha-256"}

// goodConfig keeps values out of the log and tells who came.
var goodConfig = map[string]string{
	"log_connections": "on", "log_error_verbosity": "terse", "log_min_error_statement": "panic",
	"archive_mode": "off", "max_wal_senders": "4",
}

var goodSQL = []string{
	"REVOKE ALL ON DATABASE copies FROM PUBLIC", "REVOKE ALL ON SCHEMA public FROM PUBLIC",
	"CREATE ROLE reader LOGIN PASSWORD '" + password + "'",
	"GRANT CONNECT ON DATABASE copies TO reader",
}

// strict is a floor that asks for everything that can be had here.
func strict(m *destination.Measurement) destination.Floor {
	return destination.Floor{
		TLS: destination.TLSIsProven, MinimumTLS: "1.2", CertificateMargin: time.Hour,
		Keys: []string{m.Outside[0].TLS.Certificates[0].Key}, SystemIdentifier: m.Inside.SystemIdentifier.Value,
		Authentication: destination.NeedsSCRAM, Replication: "closed", Public: "none", Unmapped: "none",
		Privileged: "named", Operators: []string{"postgres"}, SoftRowFilters: "deny", MinimumVersion: 130000,
		Logs: "no-values", Audit: "connections", OnwardCopies: "none", Code: "known", AtRest: "attested",
		MaximumAge: time.Minute, Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
}

// scenario is one thing that is wrong with a place.
type scenario struct {
	name string
	// hba is loaded; file is then written and not loaded, unless reload.
	hba, file []string
	reload    bool
	sql, undo string
	floor     func(*destination.Floor)
	before    func(*testing.T, *server)
	// codes are all deficits; says are words of them.
	codes []string
	says  []string
}

var scenarios = []scenario{
	{name: "nothing is wrong"},
	{
		name:  "the trap: trust without TLS beside SCRAM over TLS",
		hba:   append([]string{"hostnossl all all 127.0.0.1/32 trust"}, goodHBA...),
		codes: []string{destination.CodeNoCredential, destination.CodePlaintext, destination.CodeReplication},
		says:  []string{"The server let a name that does not exist in without a credential, without TLS"},
	},
	{
		name: "a clean file, but trust is loaded",
		hba:  append([]string{"hostssl all all 127.0.0.1/32 trust"}, goodHBA...), file: goodHBA,
		codes: []string{destination.CodeNoCredential, destination.CodeReplication},
		says:  []string{"without a credential, over TLS"},
	},
	{
		name: "trust is in the file, but not loaded yet",
		hba:  goodHBA, file: append([]string{"hostssl all all 127.0.0.1/32 trust"}, goodHBA...),
		codes: []string{destination.CodeNoCredential},
		says:  []string{"can get in with no credential"},
	},
	{
		name: "a syntax error: the old rules are still in force",
		hba:  goodHBA, file: append([]string{"hostssl all all 127.0.0.1/32 no-such-method"}, goodHBA...), reload: true,
		codes: []string{destination.CodeFileErrors, destination.CodeWeakAuthentication},
		says:  []string{"Which rules of pg_hba.conf are loaded is not known", "the server did not load the file"},
	},
	{
		name:  "TLS only for some users",
		hba:   []string{"hostssl all reader 127.0.0.0/8 scram-sha-256", "host all postgres 127.0.0.0/8 scram-sha-256"},
		codes: []string{destination.CodePlaintext},
		says:  []string{"The server talks to clients that use no TLS"},
	},
	{
		name:  "TLS only for the probe's address",
		hba:   []string{"hostssl all all 127.0.0.1/32 scram-sha-256", "hostssl all all 127.0.0.5/32 scram-sha-256", "host all all 127.0.0.0/8 scram-sha-256"},
		codes: []string{destination.CodePlaintext},
		says:  []string{"line 4 of pg_hba.conf lets clients in that use no TLS, such as from 127.0.0.0"},
	},
	{
		name:  "another address is let in without a credential",
		hba:   append([]string{"hostssl all all 127.0.0.5/32 trust"}, goodHBA...),
		codes: []string{destination.CodeNoCredential, destination.CodeReplication},
		says:  []string{"from 127.0.0.5"},
	},
	{
		name:  "an address that nobody knocks from is let in without a credential",
		hba:   append([]string{"hostssl copies reader 127.99.0.0 255.255.0.0 trust"}, goodHBA...),
		codes: []string{destination.CodeNoCredential},
		says:  []string{`"reader" can get in with no credential`, "line 2 of pg_hba.conf lets 127.99.0.0 in over TLS with trust"},
	},
	{
		name:  "cleartext passwords, for members of a group",
		hba:   append([]string{"hostssl all +readers 127.0.0.0/8 password"}, goodHBA...),
		sql:   "CREATE ROLE readers; GRANT readers TO reader",
		undo:  "DROP ROLE readers",
		codes: []string{destination.CodeWeakAuthentication},
		says:  []string{`"reader" can get in with a cleartext password, and the floor demands scram`},
	},
	{
		name:  "any certificate is every role",
		hba:   append([]string{"hostssl all all 127.0.0.0/8 trust clientcert=verify-ca"}, goodHBA...),
		codes: []string{destination.CodeWeakAuthentication},
		says:  []string{"anybody's certificate"},
	},
	{
		name:  "replication without a credential",
		hba:   append([]string{"hostssl replication all 127.0.0.1/32 trust"}, goodHBA...),
		codes: []string{destination.CodeReplication},
		says:  []string{"lets everybody ask for replication without a credential, over TLS for replication"},
	},
	{
		name: "a password that is the role's name, and an MD5 one", hba: goodHBA,
		sql:   "SET password_encryption = 'md5'; CREATE ROLE guess LOGIN PASSWORD 'guess'",
		undo:  "DROP ROLE guess",
		codes: []string{destination.CodePasswordIsName},
		says:  []string{`The password of "guess" is the role's own name`},
	},
	{
		name: "a new superuser", hba: goodHBA, sql: "CREATE ROLE second SUPERUSER NOLOGIN", undo: "DROP ROLE second",
		codes: []string{destination.CodePrivileged},
		says:  []string{`"second" is a superuser`},
	},
	{
		name: "a member of pg_read_all_data by two steps", hba: goodHBA,
		sql:   "CREATE ROLE step; GRANT pg_read_server_files TO step; GRANT step TO reader",
		undo:  "DROP ROLE step",
		codes: []string{destination.CodePrivileged},
		says:  []string{`"reader", "step" can act as pg_read_server_files`},
	},
	{
		name: "PUBLIC may connect, create, and read what is new", hba: goodHBA,
		sql:   "GRANT CONNECT ON DATABASE copies TO PUBLIC; GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
		undo:  "REVOKE CONNECT ON DATABASE copies FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC",
		codes: []string{destination.CodeDefaultRights, destination.CodePublicRights},
		says:  []string{`PUBLIC has CREATE and USAGE on the schema "public"`, `PUBLIC has CONNECT on the database "copies"`},
	},
	{
		name: "the log would hold what a role writes", hba: goodHBA, sql: "ALTER ROLE reader SET log_statement = 'mod'", undo: "ALTER ROLE reader RESET log_statement",
		codes: []string{destination.CodeLogsValues},
		says:  []string{`For the role "reader" the server logs every statement that writes`},
	},
	{
		name: "ways onward", hba: goodHBA,
		sql:   "CREATE PUBLICATION p FOR ALL TABLES; SELECT pg_create_physical_replication_slot('s1')",
		undo:  "DROP PUBLICATION p; SELECT pg_drop_replication_slot('s1')",
		codes: []string{destination.CodeOnward},
		says:  []string{`The publication "p" offers subscribers all tables`, `The replication slot "s1"`},
	},
	{
		name: "code that runs by itself", hba: goodHBA,
		sql:   "CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER ev ON ddl_command_end EXECUTE FUNCTION ev()",
		undo:  "DROP EVENT TRIGGER ev; DROP FUNCTION ev",
		codes: []string{destination.CodeCode},
		says:  []string{`The event trigger "ev" runs public.ev`},
	},
	{
		name: "another cluster under the same name", hba: goodHBA,
		floor: func(f *destination.Floor) { f.SystemIdentifier = "7000000000000000001" },
		codes: []string{destination.CodeWrongSystem},
		says:  []string{"Another cluster answers"},
	},
	{
		name: "a certificate that nobody has signed", hba: goodHBA, before: selfSign,
		codes: []string{destination.CodeAtRest, destination.CodeCertificate, destination.CodeWrongKey},
		says:  []string{"The server cannot prove who it is: certificate not signed by the policy's CA", "a key that the policy does not name"},
	},
}

// One thing after another is wrong with a place that is in order otherwise, and
// exactly that is said of it.
func TestWhatIsWrongWithPlaces(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := start(t, version, pgserver.Options{TLS: true, Config: goodConfig, InitSQL: goodSQL, HBA: goodHBA})
			s.setup(t, destination.SetupOptions{Database: database})
			asker := s.login(t, "look", "sluice_probe")
			first := s.measure(t, asker)
			floor := strict(first)
			with := attested(t, first)
			for _, c := range scenarios {
				s.play(t, c, asker, floor, with)
			}
		})
	}
}

// play sets one scenario up, judges, and takes it back.
func (s *server) play(t *testing.T, c scenario, asker querier, floor destination.Floor, with destination.Demands) {
	if c.hba != nil {
		s.setHBA(t, c.hba...)
	}
	if c.file != nil {
		s.writeHBA(t, c.file...)
	}
	if c.reload {
		s.reload(t)
	}
	if c.sql != "" {
		s.exec(t, c.sql)
		defer s.exec(t, c.undo)
	}
	if c.before != nil {
		c.before(t, s)
	}
	if c.floor != nil {
		c.floor(&floor)
	}
	m := s.measure(t, asker)
	with.Now = time.Now()
	report := destination.NewReport("place", floor, m, with)
	var codes, text []string
	for _, d := range report.Deficits {
		codes = append(codes, d.Code)
		text = append(text, fmt.Sprintf("%s %s (%s)", d.Code, d.Sentence, d.Evidence))
		if d.Fix == "" || d.Severity == 0 {
			t.Errorf("PostgreSQL %d, %s: a deficit without a fix or severity: %+v", s.version, c.name, d)
		}
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	all := strings.Join(text, "\n")
	if !slices.Equal(codes, slices.Sorted(slices.Values(c.codes))) {
		t.Errorf("PostgreSQL %d, %s: %v, want %v\n%s", s.version, c.name, codes, c.codes, all)
	}
	for _, words := range c.says {
		if !strings.Contains(all, words) {
			t.Errorf("PostgreSQL %d, %s: nothing says %q:\n%s", s.version, c.name, words, all)
		}
	}
	if passed := report.Verdict == destination.Passed; passed != (len(c.codes) == 0) {
		t.Errorf("PostgreSQL %d, %s: verdict %s", s.version, c.name, report.Verdict)
	}
}

// measure looks from both sides and from two addresses.
func (s *server) measure(t *testing.T, asker querier) *destination.Measurement {
	t.Helper()
	facts := s.insideAs(t, asker)
	p := probe.Outside(t.Context(), s.target(t, "reader"), probe.Options{
		Whole: true, Source: net.IPv4(127, 0, 0, 1), Sources: []net.IP{net.IPv4(127, 0, 0, 5)},
	})
	return &destination.Measurement{Inside: facts, Outside: []*destination.Outside{p.Facts()}, Database: database}
}

// attested has a signer state that data is encrypted at rest.
func attested(t *testing.T, m *destination.Measurement) destination.Demands {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file, err := destination.Attest(destination.Attestation{
		Type: destination.TypeAtRest, By: "platform team", Claim: map[string]string{"volume": "luks2"},
		SystemIdentifier: m.Inside.SystemIdentifier.Value, SPKI: m.Outside[0].TLS.Certificates[0].Key,
		IssuedAt: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}, "platform", private)
	if err != nil {
		t.Fatal(err)
	}
	a, err := destination.Verify(file, map[string]ed25519.PublicKey{"platform": public})
	if err != nil {
		t.Fatal(err)
	}
	return destination.Demands{Readers: []string{"reader"}, Attestations: []*destination.Attestation{a}}
}

// selfSign gives the server a certificate of its own.
func selfSign(t *testing.T, s *server) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"server.pem": {Type: "CERTIFICATE", Bytes: der}, "server.key": {Type: "PRIVATE KEY", Bytes: raw},
	} {
		if err := os.WriteFile(filepath.Join(s.Dir(), "tls", name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.reload(t)
}
