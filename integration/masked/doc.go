// Package masked holds the suite about what leaves masked: on every road to the
// client, from real servers, the classified columns of a result come out as the
// policy says, what is computed from them as NULL, and everything else as it is.
package masked
