// Package wire runs the wire scripts of proxy/testdata/wire against real
// PostgreSQL servers, once directly and once through Sluice. The server is
// the measure: its answers stand in the scripts, and the proxy gives the
// same, message by message, except where a script says why it does not.
//
// The tests run on the servers that harness.Versions names.
package wire
