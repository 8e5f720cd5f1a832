// Package condition reads and evaluates the conditions of rules: the key when
// of a policy, in the Common Expression Language (cel.dev). CEL has no
// loops, no side effects, no clock and no I/O; what a condition may look at
// is an Input.
//
// A condition is compiled once. Its type is bool, every field it names must
// exist, and its cost is bounded twice: by an estimate for inputs of the
// sizes below when it is compiled, and by a count when it runs. A condition
// that fails or costs too much has an error for its answer, and the caller
// decides what the careful consequence is.
package condition
