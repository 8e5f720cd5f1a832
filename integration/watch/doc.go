// Package watch shows on real servers that Sluice notices within seconds when a place
// that holds copies protects them less, and does what the policy says.
package watch
