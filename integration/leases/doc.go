// Package leases holds Sluice with a real Vault and a real PostgreSQL to what it
// says about credentials: nothing lives longer than its lease, whoever dies.
//
// Each case does something to a session, to Vault or to Sluice, and notes what
// the person saw and what the trail says. Then neither the server may have a
// role or a backend of a lease, nor Vault the lease. TABLE.md holds all of it,
// and the test compares.
//
// TestKilledAtEachStep kills Sluice at every request that it makes to Vault, before
// Vault has it and before the answer is back, and starts it again.
// TestVaultFailsAtEachStep seals, kills and restarts Vault there, and Sluice goes
// on. Within the cases every password, token and secret id is looked for in what
// was logged, recorded, journaled and shown on the command line. TestDemo runs the
// demo with a Vault that others use too, and wants nothing of it to be left there,
// however it ends.
package leases
