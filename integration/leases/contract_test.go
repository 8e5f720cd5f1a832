package leases

import (
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/integration/vaultsetup"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// The real server does what the imitation does that the unit tests work with, with
// no more rights than examples/vault gives.
func TestContractOfTheRealServer(t *testing.T) {
	world := harness.NewWorld(t, 15)
	world.Reset(t)
	vault := vaultserver.Start(t)
	setup := vaultsetup.Follow(t, vault, world.Server)
	vaulttest.Contract(t, vaulttest.Target{
		Address: vault.Address(), Mount: "database", Role: "shop-read", Missing: "shop-missing", UserHas: "alice",
		KeepMount: "secret", KeepPath: "sluice/trail",
		Admin: func(t *testing.T) string {
			client, _ := vault.Root().Child(t, map[string]any{"policies": []string{"root"}, "ttl": "5m"})
			return client.Token().Reveal()
		},
		Child: map[string]any{"policies": []string{"sluice-session"}, "no_default_policy": true},
		Login: func(t *testing.T) string {
			client, _ := vault.Login(t, setup.AppRole(t))
			return client.Token().Reveal()
		},
	})
}
