// Package vaulttest is a small Vault for tests, and the contract that it shares
// with the real one.
//
// [Server] speaks the paths that package vault uses, in memory: logins, child
// tokens that end with their parent, leases that end with their token, the
// database engine's creds and static-creds, KV version 2 with its versions and
// check-and-set. It has what a real
// server does not give on demand: it is a standby, sealed, slow, asks for fewer
// questions, loses an answer after it has done the work, forgets a lease, and
// lets time jump. With a [Database] it makes the roles for real.
//
// It answers over sockets (Start) or without any (RoundTrip), so that tests can
// run it inside testing/synctest, where an hour passes at once.
//
// [Contract] is what package vault relies on, as a list of cases. The same cases
// run against this server and against a real one, so that what is tested here
// is what happens there. Namespaces are the fake's only: they are part of Vault
// Enterprise and OpenBao.
package vaulttest
