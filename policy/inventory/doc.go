// Package inventory holds a database's columns against a policy: which class
// each of them has today and who says so, what speaks for another, and which
// of them nobody has looked at.
//
//	columns with their marks and what was counted in them
//	      -> Take -> Report -> Text | JSON | Fragment of a policy
//
// A column has been looked at if an entry of the policy, its comment or one of
// its security labels gives it a class, or says none. It is left to a person to
// say so: the fragment proposes classes, and proposes none only in comments.
//
// The package does no I/O, and a report holds no value of any row.
package inventory
