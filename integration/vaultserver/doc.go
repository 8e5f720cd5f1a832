// Package vaultserver runs a real Vault server for suites: on loopback at a
// free port, in a folder of its own, initialised, unsealed, and gone when the
// test ends or its process dies.
//
//	vault := vaultserver.Start(t)
//	vault.EnableEngine(t, "database", "database", nil)
//	vault.Root().Write(t, "database/roles/read", map[string]any{...})
//	credential := vault.Root().Credential(t, "database/creds/read")
//
// The server can be treated as machines and people treat it: Kill, Restart,
// Seal, Unseal, Stop. What it stores survives all of them but the end of the
// test.
//
// The program is the module in integration/vault. Build compiles it into the
// cache folder of the tests when its sources or versions are new, which takes
// some ten minutes; ./integration/install does so ahead of the suites.
//
// With SLUICE_TEST_VAULT_ADDR and SLUICE_TEST_VAULT_TOKEN another server is
// used instead, which has to be unsealed, and whose token may do everything.
// What cannot be done to it, such as to kill it, then fails the test; nothing
// is skipped. VAULT_ADDR is not looked at: it could be anybody's server.
//
// The requests are made with the standard library, so that they share no
// mistake with the client that Sluice uses.
package vaultserver
