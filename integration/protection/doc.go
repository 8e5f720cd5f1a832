// Package protection holds package policy/protection against real servers: who
// is said to read what, against who can; the verdicts of the worked examples;
// planned relations against those that are made; and what a large catalog costs.
package protection
