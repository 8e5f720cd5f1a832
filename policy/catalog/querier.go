package catalog

import "context"

// Querier asks one connection to one database. Sight and Snapshot never ask;
// only Load and ReadFingerprint do.
type Querier interface {
	// Query runs one statement and calls row with every row of its result, in
	// order: one value for each column in PostgreSQL's text format, nil for
	// NULL. The values are the caller's only until row returns, so that a
	// result of any size takes no more memory than a row. An error of row
	// ends the query and is returned.
	//
	// All statements of a Load go over the same connection, since they are one
	// transaction, and its client_encoding is UTF8.
	Query(ctx context.Context, sql string, row func(values [][]byte) error) error
}
