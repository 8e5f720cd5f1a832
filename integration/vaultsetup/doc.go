// Package vaultsetup follows examples/vault word for word, with a real Vault
// and a real PostgreSQL: prepare.sql, setup, and then everything that Sluice
// does with the result. Its tests show that the roles, the statements and the
// policies do what their comments say, and nothing else.
//
// Suites that need a Vault in front of a database take one from here, as
// people would have it:
//
//	stage := vaultsetup.New(t, 15)
//	role := stage.AppRole(t)           // what setup wrote
//	client, _ := stage.Vault.Login(t, role)
package vaultsetup
