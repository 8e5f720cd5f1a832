// Package follow makes facts for a decision out of what the code of a catalog
// does: what the functions do that a statement calls, and what code it runs
// without calling it. Package catalog follows the code; this package puts what
// it reaches into the names that package policy judges. A Review lists a database's
// functions with what is known of each: the report of sluice functions review.
package follow
