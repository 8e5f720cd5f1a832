// Package measure finds out what protects a place that copies go to, and holds it
// against what the policy asks for and against the protection at the origin.
//
// It puts together what other packages do each for itself: proxy/probe knocks at a
// place and asks it about itself, policy/destination judges what was met by a floor,
// policy/protection tells who can read what on a server and compares two of them.
// What the policy says about a place is put into their words here, so that a copy
// that is about to be made (package proxy), one that is watched (package
// proxy/watch) and sluice destination check come to the same verdict.
//
//	Place    (place.go)    a place of the policy, and how it is reached
//	State    (state.go)    what was measured about it: from outside, from inside,
//	                       and where it stays below its floor
//	Relation (parity.go)   what of a copy is or would be there, made of what; who
//	                       could read more of it than at its origin
//
// The package opens no connection of its own but those of knocks: whoever calls it
// has logins that may ask.
package measure
