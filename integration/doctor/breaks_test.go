package doctor

import (
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
)

var rewrite = flag.Bool("rewrite", false, "write what the doctor said into testdata")

// breakage is one thing that is wrong for a while.
type breakage struct {
	name  string
	spoil func(t *testing.T, s *stage)
	mend  func(t *testing.T, s *stage)
}

// bySQL breaks and mends in the database shop, as superuser.
func bySQL(name, spoil, mend string) breakage {
	return breakage{
		name,
		func(t *testing.T, s *stage) { s.world.Exec(t, "shop", spoil) },
		func(t *testing.T, s *stage) { s.world.Exec(t, "shop", mend) },
	}
}

// byConfig replaces words in the configuration.
func byConfig(name string, replace ...string) breakage {
	return breakage{
		name,
		func(t *testing.T, s *stage) { s.configure(t, replace...) },
		func(t *testing.T, s *stage) { s.configure(t) },
	}
}

// byMode lets others read a file.
func byMode(name, file string) breakage {
	return breakage{
		name,
		func(t *testing.T, s *stage) { s.chmod(t, file, 0o644) },
		func(t *testing.T, s *stage) { s.chmod(t, file, 0o600) },
	}
}

// byText puts another text into a file.
func byText(name, file, text string) breakage {
	var before string
	return breakage{
		name,
		func(t *testing.T, s *stage) {
			data, err := os.ReadFile(s.path(file))
			if err != nil {
				t.Fatal(err)
			}
			before = string(data)
			s.write(t, file, text)
		},
		func(t *testing.T, s *stage) { s.write(t, file, before) },
	}
}

// byCertificate shows clients another certificate.
func byCertificate(name string, from, life time.Duration, hosts ...string) breakage {
	return breakage{
		name,
		func(t *testing.T, s *stage) { s.certificate(t, "server", time.Now().Add(from), life, hosts...) },
		func(t *testing.T, s *stage) {
			s.certificate(t, "server", time.Now().Add(-time.Hour), 300*24*time.Hour, "localhost")
		},
	}
}

const day = 24 * time.Hour

func breakages() []breakage {
	return slices.Concat(files(), ways(), issuers(), groups(), admissions())
}

func files() []breakage {
	return []breakage{
		byCertificate("the certificate has ended", -400*day, 365*day, "localhost"),
		byCertificate("the certificate ends soon", -355*day, 365*day, "localhost"),
		byCertificate("the certificate is of tomorrow", day, 365*day, "localhost"),
		byCertificate("the certificate has no name", -time.Hour, 365*day),
		{
			"the key is of another certificate",
			func(t *testing.T, s *stage) {
				s.certificate(t, "other", time.Now().Add(-time.Hour), 365*day, "localhost")
				s.configure(t, "key: server.key", "key: other.key")
			},
			func(t *testing.T, s *stage) { s.configure(t) },
		},
		byMode("others can read the key", "server.key"),
		byText("the certificate is none", "server.pem", "hello\n"),
		byMode("others can read the users", "users.scram"),
		byText("nobody is a user", "users.scram", ""),
		byConfig("the users are not there", "users: users.scram", "users: nobody.scram"),
		byMode("others can read the issuer's password", "issuer.pgpass"),
		byText("the policy has a mistake", "policy.yaml", "version: 1\nrules:\n  - {id: a, efect: allow}\n"),
		byText("the policy has a rule that does not act", "policy.yaml", "version: 1\nrules:\n  - {id: a, effect: deny, kinds: [ddl], mode: shadow}\n"),
		byConfig("the OpenID provider is away", "policy: policy.yaml", "policy: policy.yaml\noidc: [{name: company, issuer: 'https://127.0.0.1:1/staff', audiences: [sluice]}]"),
		byConfig("the policy is not there", "policy: policy.yaml", "policy: none.yaml"),
		byConfig("the trail cannot be made", "dir: trail", "dir: no/such/trail"),
		{
			"others can read the trail and its key",
			func(t *testing.T, s *stage) {
				if err := os.Mkdir(s.path("trail"), 0o755); err != nil {
					t.Fatal(err)
				}
				s.write(t, "trail.key", "not a key\n")
				s.chmod(t, "trail.key", 0o644)
			},
			func(t *testing.T, s *stage) {
				for _, name := range []string{"trail.key", "trail"} {
					if err := os.Remove(s.path(name)); err != nil {
						t.Fatal(err)
					}
				}
			},
		},
	}
}

func ways() []breakage {
	var taken net.Listener
	return []breakage{
		{
			"another program listens at our address",
			func(t *testing.T, s *stage) {
				var err error
				if taken, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port)); err != nil {
					t.Fatal(err)
				}
			},
			func(*testing.T, *stage) { taken.Close() },
		},
		byConfig("everybody may go without TLS", "address: 127.0.0.1", "plaintext: any\n    address: 0.0.0.0"),
		byConfig("the server is verified with the wrong authority", `verify-full, ca: "`, `verify-full, ca: "server.pem", server_name: localhost} } #`),
		byConfig("the server has another name", "tls: {mode: verify-full", "tls: {server_name: db.example.net, mode: verify-full"),
		byConfig("plaintext, on this machine", "mode: verify-full", "mode: disable"),
		byConfig("the issuer does not verify the server", "sslmode=verify-full", "sslmode=prefer"),
		byConfig("more sessions than the server has room for", "connections: 40", "connections: 4000"),
		byText("the issuer's password is wrong", "issuer.pgpass", "*:*:*:issuer:wrong\n"),
		byConfig("the password is in the configuration", "user=issuer", "user=issuer password='the issuer in this suite'"),
		byConfig("the database does not exist", "upstream: {host", "upstream: {database: nowhere, host"),
		byConfig("a second database is down", "databases:\n", `databases:
  - name: down
    upstream: {host: 127.0.0.1, port: 1, tls: {mode: disable}}
    credential: {builtin: {admin: "host=127.0.0.1 port=1 user=issuer sslmode=disable password=x", group: people}}
`),
	}
}

func issuers() []breakage {
	return []breakage{
		bySQL("the issuer is a superuser", "ALTER ROLE issuer SUPERUSER", "ALTER ROLE issuer NOSUPERUSER"),
		bySQL("the issuer reads everything", "ALTER ROLE issuer BYPASSRLS", "ALTER ROLE issuer NOBYPASSRLS"),
		bySQL("the issuer makes no roles", "ALTER ROLE issuer NOCREATEROLE", "ALTER ROLE issuer CREATEROLE"),
		bySQL("the issuer ends soon", "ALTER ROLE issuer VALID UNTIL 'tomorrow'", "ALTER ROLE issuer VALID UNTIL 'infinity'"),
	}
}

func groups() []breakage {
	return []breakage{
		byConfig("the group does not exist", "group: people", "group: nobody"),
		bySQL("the group is a superuser", "ALTER ROLE people SUPERUSER", "ALTER ROLE people NOSUPERUSER"),
		bySQL("the group has attributes", "ALTER ROLE people CREATEDB BYPASSRLS LOGIN", "ALTER ROLE people NOCREATEDB NOBYPASSRLS NOLOGIN"),
		bySQL("the group has attributes by membership", `CREATE ROLE "The Boss" CREATEROLE; GRANT "The Boss" TO people`, `DROP ROLE "The Boss"`),
		bySQL("the group has predefined roles", "GRANT pg_read_server_files, pg_execute_server_program, pg_monitor TO people",
			"REVOKE pg_read_server_files, pg_execute_server_program, pg_monitor FROM people"),
		bySQL("the group owns tables", "CREATE TABLE mine (a int); ALTER TABLE mine OWNER TO people", "DROP TABLE mine"),
		bySQL("somebody can go around", "CREATE ROLE bob LOGIN IN ROLE people", "DROP ROLE bob"),
		bySQL("functions of the server are granted", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO people; GRANT EXECUTE ON FUNCTION pg_ls_dir(text) TO PUBLIC",
			"REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM people; REVOKE EXECUTE ON FUNCTION pg_ls_dir(text) FROM PUBLIC"),
		bySQL("a function acts with its owner's rights",
			"CREATE FUNCTION peek() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM pg_authid'", "DROP FUNCTION peek"),
		bySQL("everybody has temporary tables", "GRANT TEMPORARY ON DATABASE shop TO PUBLIC", "REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC"),
		bySQL("a foreign server can be reached",
			"CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN SERVER far TO people",
			"DROP FOREIGN DATA WRAPPER w CASCADE"),
	}
}

func admissions() []breakage {
	var before []byte
	return []breakage{
		bySQL("the issuer may not see who is let in", "REVOKE SELECT ON pg_hba_file_rules FROM issuer", "GRANT SELECT ON pg_hba_file_rules TO issuer"),
		{
			"the server lets others in",
			func(t *testing.T, s *stage) {
				path := s.world.Query(t, "shop", "SHOW hba_file")[0][0]
				var err error
				if before, err = os.ReadFile(path); err != nil {
					t.Fatal(err)
				}
				more := "host all all 0.0.0.0/0 trust\nhost all bob 10.0.0.0/8 password\nhostssl shop all 10.20.0.0/16 scram-sha-256\nhostssl all all 10.0.0.1/32 reject\nhost all all nonsense\n"
				// The view reads the file, so nothing is let in before a reload.
				if err := os.WriteFile(path, append([]byte("\n"), more...), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, s *stage) {
				if err := os.WriteFile(s.world.Query(t, "shop", "SHOW hba_file")[0][0], before, 0o600); err != nil {
					t.Fatal(err)
				}
			},
		},
	}
}

func TestDoctor(t *testing.T) {
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := newStage(t, version)
			t.Run("breakages", func(t *testing.T) { testBreakages(t, s) })
			t.Run("fixes", func(t *testing.T) { testFixes(t, s) })
		})
	}
}

// testBreakages compares what each break changes in the report.
func testBreakages(t *testing.T, s *stage) {
	base := s.lines(s.examine(t))
	var b strings.Builder
	fmt.Fprintf(&b, "# What sluice doctor says; written by -rewrite.\n\nin order\n----\n%s\n", strings.Join(base, "\n"))
	for _, one := range breakages() {
		one.spoil(t, s)
		r := s.lines(s.examine(t))
		one.mend(t, s)
		news := slices.DeleteFunc(r, func(line string) bool { return slices.Contains(base, line) })
		fmt.Fprintf(&b, "\n%s\n----\n%s\n", one.name, strings.Join(news, "\n"))
		if len(news) == 0 {
			t.Errorf("%s: the doctor sees no difference", one.name)
		}
	}
	if again := s.lines(s.examine(t)); !slices.Equal(again, base) {
		t.Errorf("after all was mended the report is another:\n%s", cmp.Diff(base, again))
	}
	compare(t, b.String())
}

func compare(t *testing.T, got string) {
	t.Helper()
	const path = "testdata/breakages.txt"
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-rewrite writes it):\n%s", path, diff)
	}
}
