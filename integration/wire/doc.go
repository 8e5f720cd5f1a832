// Package wire runs the wire scripts of proxy/testdata/wire against real
// PostgreSQL servers, once directly and once through Sluice. The server is
// the measure: its answers stand in the scripts, and the proxy gives the
// same, message by message, except where a script says why it does not.
//
// The tests run on the newest server of the operating system. The
// environment variable SLUICE_PG_VERSIONS names others, such as "13 15 18"; a
// version that is named and not installed is a failure.
package wire
