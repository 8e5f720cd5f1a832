// Package classify says what a column is likely to hold: by its name and type,
// and by the forms of its values. What it says is a suggestion with its
// evidence, for a person to accept; no class follows from it alone.
//
//	Column (names, type) ──┐
//	                       ├─> Suggest -> Suggestion: class, strength, evidence
//	Tally (forms counted) ─┘
//
// The validators are written by hand: they run on streams, where a regular
// expression would cost more than the database does. A value is judged by its
// own bytes, a column by the share of its values that have a form, because single
// values deceive: one in forty random numbers of 16 digits is a valid card.
// Only credentials with a mark of their own (a JSON web token, a key with its
// issuer's prefix, a hash of a password) count by a single hit.
//
// A Sampler does the same on rows that pass by: all of the first ones, a few of
// the later ones, and of the rest those in which rare bytes show that something
// may be there.
//
// No value is kept anywhere: a Tally holds counts, bitmaps of single bytes and
// bits of hashes.
package classify
