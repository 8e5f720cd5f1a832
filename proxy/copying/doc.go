// Package copying asks a running Sluice to carry tables to a place, as sluice copy
// does in a shell.
//
// It is a client like any other: it logs in as a person, reads which tables a schema
// has, and sends one text of COPY ... TO 'sluice://place/...' statements, which
// Sluice makes one copy of, of one snapshot, published as a whole. How far that is
// Sluice tells in notices; on a terminal they become a line that moves (meter.go),
// elsewhere one every ten seconds.
package copying
