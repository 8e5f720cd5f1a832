// Package catalog says what names mean in one database.
//
// A Snapshot is what a database's catalog said at one time: relations with
// their columns, what views and partitions are made of, functions, operators,
// triggers and everything else that can make a statement read or move more
// than its text says. It never changes. Objects are known by OID, columns by
// OID and attribute number; names are labels.
//
// A Sight is what one session sees of it: the snapshot, the session's own
// search_path, and what the session has made in the transaction that is open.
//
//	Load, Querier  -> Snapshot   (load*.go ask, build.go and given.go put together,
//	                              fingerprint.go tells whether it is still so)
//	Snapshot, path -> Sight      (sight.go, path.go, names.go)
//	statement      -> Overlay    (overlay.go, note*.go: what it makes and alters)
//	Snapshot       -> Code       (code*.go: what functions, triggers, views and
//	                              defaults reach, as far as their code is seen through)
//
// What an overlay cannot tell for sure, such as what code has made, is in doubt: a
// name that could mean it could mean anything.
//
// A Provenance says which columns of tables each column of a statement's
// result is made of. The statement brings its Query, a tree of the names it
// uses and of where they stand; here each name gets its meaning:
//
//	statement.Query -> items of FROM (table.go, level.go, resolvefrom.go)
//	                -> names in expressions (resolveexpr.go, resolvecall.go)
//	                -> columns of views, by the query in the view (shapeview.go)
//	                -> value: columns of tables, functions of users, or open
//
// It is never less than what the server does: what cannot be followed is open.
//
// The package does no I/O of its own: Load asks through a Querier.
package catalog
