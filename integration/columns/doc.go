// Package columns lets PostgreSQL be the judge of which columns a query names.
// A view records in pg_depend every column its query uses, found by the
// server's own name resolution with the catalog at hand. What the analysis
// says from the text alone must cover that: by the column itself, by all
// columns of its relation, or by a name it leaves unresolved.
//
// Two things differ by design: the targets of EXISTS, which the server keeps
// but never looks at, and the fields of composite types, which are not columns
// of a table.
package columns
