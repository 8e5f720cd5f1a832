// Package harness sets the stage for the integration suites: a real PostgreSQL
// server of a chosen version with one schema and one user, Sluice in front of
// it as a process of its own, and client programs run against either.
//
// A test asks for a World, which is the server, and for two Targets, which are
// the ways to its databases: Direct and through a Gate, the running proxy. It
// does the same to both and compares what it saw. The user is set up so that
// nothing but the proxy can make a difference: in both cases a session works
// as the group role shop_app, which owns everything.
package harness
