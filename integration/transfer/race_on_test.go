//go:build race

package transfer

// raced tells that the race detector is on, which keeps several bytes for each.
const raced = true
