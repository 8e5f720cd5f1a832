// Package provenance lets PostgreSQL be the judge of which columns a result is
// made of. It makes a great many queries, and looks at three things: the names
// of the columns of the result, the columns that the server says they are
// (RowDescription), and where a value comes out again that was put into one
// column.
//
// What is said must cover that, or be open. SLUICE_PROVENANCE_QUERIES is how
// many queries are made for each version, SLUICE_PROVENANCE_SEED which ones.
package provenance
