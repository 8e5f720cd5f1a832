// Package clients holds the client matrix: real programs and drivers do the
// same work on a PostgreSQL server directly and through Sluice with a policy
// that allows everything, and what they saw has to be equal.
//
// A case is a function from a way to the database to a text that tells
// everything the client saw. Each runs twice on databases made new, and the
// two texts are compared. A case fails by itself when its work did not succeed
// on the direct way, so two equal failures do not pass for a result.
package clients
