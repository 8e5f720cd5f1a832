// Package posture holds what is said of places against real servers: the knocks
// from outside, what a server says of itself, random files of pg_hba.conf whose
// simulation has to agree with the wire, the SQL that prepares a destination,
// and destinations that lie.
package posture
