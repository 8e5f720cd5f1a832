package classify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// roleMaker makes the logins of the small Vault at the real server.
type roleMaker struct {
	t *testing.T
	s *stage
}

// Create implements vaulttest.Database.
func (m roleMaker) Create(role, user, password string) error {
	secrets.Learn(secrets.Password, password)
	return m.s.World.Server.Exec(m.t.Context(), "postgres",
		fmt.Sprintf("CREATE ROLE %q LOGIN PASSWORD '%s' IN ROLE %s", user, password, role))
}

// Drop implements vaulttest.Database.
func (m roleMaker) Drop(user string) error {
	return m.s.World.Server.Exec(m.t.Context(), "postgres", fmt.Sprintf("DROP ROLE IF EXISTS %q", user))
}

// testVault reads with a login of Vault's, of the role that the policy gives
// to those who come to read, and leaves no lease there.
func testVault(t *testing.T, s *stage) {
	fake := vaulttest.New(vaulttest.Options{Database: roleMaker{t, s}})
	s.Write(t, "role-id", vaulttest.RoleID)
	s.Write(t, "secret-id", vaulttest.SecretID)
	config := harness.ReadFile(t, s.Path("sluice.yaml"))
	defer s.Write(t, "sluice.yaml", config)
	defer s.Write(t, "policy.yaml", "version: 1\n")
	head, _, _ := strings.Cut(config, "databases:\n")
	server := s.World.Server
	s.Write(t, "sluice.yaml", head+fmt.Sprintf(`vault:
  address: %s
  auth: {approle: {role_id_file: role-id, secret_id_file: secret-id}}
  session_policies: [sluice-session]
databases:
  - name: demo
    upstream: {host: localhost, port: %d, tls: {mode: verify-full, ca: %q}}
    credential: {vault: {engine: database}}
`, fake.Start(t), server.Port(), server.CAFile))
	if code, _, errs := s.run(t, "demo"); code != 1 || !strings.Contains(errs, "no rule under leases") {
		t.Errorf("without a rule: exit %d, %s", code, errs)
	}
	s.Write(t, "policy.yaml", "version: 1\nleases:\n"+
		"  - {id: move, purposes: [migrate], role: nobody, group: nobody}\n"+
		"  - {id: look, purposes: [read], role: people, group: people}\n")
	code, out, errs := s.run(t, "--all", "demo")
	if code != 0 {
		t.Fatalf("exit %d, %s", code, errs)
	}
	compare(t, "testdata/demo.txt", out)
	if leases := fake.Leases(); len(leases) != 0 {
		t.Errorf("leases are left: %v", leases)
	}
	if left := s.World.Query(t, "postgres", "SELECT rolname FROM pg_roles r WHERE rolcanlogin AND pg_has_role(oid, 'people', 'MEMBER') AND rolname <> 'issuer' AND NOT rolsuper"); len(left) != 0 {
		t.Errorf("logins are left: %v", left)
	}
	fake.Set(vaulttest.Sealed())
	if code, _, errs := s.run(t, "demo"); code != 1 || !strings.Contains(errs, "sealed") {
		t.Errorf("with Vault sealed: exit %d, %s", code, errs)
	}
}
