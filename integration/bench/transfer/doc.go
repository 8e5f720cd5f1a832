// Command transfer measures how fast a set of tables gets from one PostgreSQL
// server to another: by the engine of carried copies and by the tools that people
// use otherwise, in turns, in one run.
//
//	sluice              proxy/transfer with everything on: digests of both ends,
//	                    row security with a lease, one publishing transaction
//	pg_dump | psql      one stream of text
//	dump directory      pg_dump -Fd -j2, then pg_restore -j2
//	COPY | COPY         psql to psql, table by table, between the parts of a schema
//	                    dump before and behind the data
//	pgcopydb            clone --table-jobs 2 --index-jobs 2, where it is installed
//
// All make the same tables with indexes and foreign keys in an empty database, log in
// with SCRAM over TCP without TLS, and are as privileged as the tools need. The
// servers are two of PostgreSQL 15 on loopback with data on disk and fsync off.
// Memory is the highest resident size of the engine's own process. Every table is
// compared after every turn.
//
//	main -> stage (servers, data) -> ways, in turns -> Markdown
package main
