// Package masked holds the suite about what leaves masked: on every road to the
// client, from real servers, the classified columns of a result come out as the
// policy says, what is computed from them as NULL, and everything else as it is.
//
// That is also so while things move: the policy, the class of a column, what names
// mean, the connection over which the catalog is read. What is changed over Sluice
// counts for the next statement. What is changed beside it counts at once where
// something is masked and the server itself tells what comes, by the description
// of a result or by the locks of a COPY; for everything else after five seconds.
package masked
