package carry

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/masked/keys"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/integration/vaultsetup"
)

// newVaultStage is a stage on which Vault makes the logins at both ends, set up as
// examples/vault says.
func newVaultStage(t *testing.T, source, destination int) *stage {
	t.Helper()
	s := &stage{world: harness.NewWorld(t, source)}
	s.world.Reset(t, "shop", "restored")
	s.world.Exec(t, "shop", schema)
	s.there = newPlace(t, destination)
	s.vault = vaultsetup.Follow(t, vaultserver.Start(t), s.world.Server)
	s.vault.Copies(t, s.there)
	s.world.Exec(t, "shop", "GRANT USAGE ON SCHEMA crm TO shop_read; GRANT SELECT ON ALL TABLES IN SCHEMA crm TO shop_read")
	s.binary = harness.BuildSluice(t)
	s.gate = harness.StartGateWith(t, s.world, s.binary, harness.Setup{
		Policy: s.policy(t), Env: []string{"SLUICE_LOG_LEVEL=debug"},
		Credential: "vault: {control_role: sluice-control, catalog_role: shop-catalog, catalog_group: shop_catalog}",
		Config: fmt.Sprintf(`vault: {address: %q, session_policies: [sluice-session], auth: {approle: {role_id_file: %q, secret_id_file: %q}}}
mask_keys: [{name: default, file: %s}]
destinations:
  - name: analytics
    server: {host: localhost, port: %d, database: copies, tls: {mode: verify-full, ca: %q}}
    credential:
      vault: {probe_role: copies-probe, carrier_role: copies-carry, reactor_role: copies-react, control_role: copies-signal}
`, s.vault.Vault.Address(), filepath.Join(s.vault.Folder, "role_id"), filepath.Join(s.vault.Folder, "secret_id"), keys.File(t), s.there.Port(), s.there.CAFile),
	})
	return s
}

// Vault makes the logins at both ends of a copy.
func TestVault(t *testing.T) {
	for _, versions := range [][2]int{{15, 18}, {18, 15}} {
		t.Run(fmt.Sprintf("from %d to %d", versions[0], versions[1]), func(t *testing.T) {
			s := newVaultStage(t, versions[0], versions[1])
			t.Run("carried", s.carriedWithLeases)
		})
	}
}

func (s *stage) carriedWithLeases(t *testing.T) {
	s.mustBe(t, s.psql(t, "COPY crm.people TO 'sluice://analytics/crm.people'"), 0, "COPY 2000", "2000 rows")
	s.awaitNoCopyLogin(t)
}

// awaitNoCopyLogin waits until no login of a copy is left at either end.
func (s *stage) awaitNoCopyLogin(t *testing.T) {
	t.Helper()
	var left string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		left = s.at(t, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice\\_copies\\_carry\\_%'")
		left += strings.Join(s.vault.Vault.Root().List(t, "sys/leases/lookup/database/creds/copies-carry"), " ")
		if left == "" {
			return
		}
	}
	t.Errorf("these are left of a copy: %s", left)
}
