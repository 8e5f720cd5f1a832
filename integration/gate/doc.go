// Package gate shows on a real PostgreSQL server that nothing passes the
// proxy that should not: nothing unrecorded, nothing that parser and server
// read in two ways, nothing that brings the process or another session down.
//
// The proxy runs inside the test, so that its parts can be made to fail, with
// a policy that allows everything a policy can allow: what is refused here is
// refused whatever the policy says.
package gate
