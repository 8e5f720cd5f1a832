// Package transfer moves tables from one PostgreSQL server to another: the engine
// of a carried copy. It knows nothing of policies, sessions or people. What may
// go where, under which masks, with which rights, is decided by whoever makes
// the Job.
//
// A copy is whole or not there. All rows are of one snapshot of the source. They
// are loaded into a staging schema that only the loading role can use, get their
// indexes and constraints there, and are read back and compared. Then one
// transaction moves all tables into place, takes back rights that default
// privileges gave, grants those of the Job, sets up row security and the lease,
// has the caller look (BeforePublish) and commits. Whatever fails, or whoever
// cancels, before that leaves nothing.
//
//	Run
//	 ├ connect     the source that holds the snapshot; the keeper at the
//	 │             destination, which prepares and publishes
//	 ├ define      lock, take the snapshot, read definitions        read.go, readrules.go
//	 │             relations, columns and masks of the copy         choose.go, trim.go
//	 ├ place       staging schemas; what has the names already      stage.go
//	 ├ freeNames   names of indexes and sequences that are free     names.go
//	 ├ settle      types of the destination, binary or text         types.go
//	 ├ prepareStage  empty tables, closed to everybody              stage.go, build.go
//	 ├ work        streams: load, index, constrain, lock, compare   work.go, keys.go, board.go, pump.go, stream.go
//	 ├ publish     one transaction up to COMMIT                     publish.go, rights.go
//	 └ AfterPublish
//
// # Reading
//
// The connections that the caller opens for the source have the rights of whoever
// asked for the copy, and nothing is done there that they could not do: LOCK in
// ACCESS SHARE mode, catalog queries, COPY TO, in READ ONLY transactions of one
// exported snapshot, with row_security off, so that rows which the role may not see
// are an error. Texts of the caller (a query, a condition) are sent in messages of
// the extended protocol, where one message is one statement.
//
// # Streams
//
// A stream is a pair of connections and two goroutines: one reads COPY data, masks
// it, sums it and fills chunks, the other sends them. Four chunks of 128 KiB are on
// the way at most, so that a slow destination makes the source wait. Rows without
// masks pass in pieces and may be as long as PostgreSQL can send; a row of a table
// with masks is looked at whole and may have 8 MiB. The format is COPY's binary
// where both servers read and write every type of the table alike, else text. A
// table that is much larger than the others is read in ranges of pages (ctid), on
// servers that can read such a range by itself (14 and later).
//
// # Comparing
//
// Both ends are summed by the same function (Digest), over what was sent and over
// what COPY reads back from the staged table. Before it is read back, the keeper's
// transaction locks it in SHARE mode, in which nobody can write it, and keeps
// that lock until the COMMIT that publishes it. So what was compared is what is
// published. Values that a server changes when it stores them, such as blanks of
// char(n) behind a pseudonym, are left out of both sums.
//
// # What is carried
//
// Columns with type, default, NOT NULL, identity, generation, collation, storage and
// compression; sequences with their positions; CHECK, PRIMARY KEY, UNIQUE, EXCLUDE
// and FOREIGN KEY constraints, indexes, partitioning of all levels, storage
// parameters, comments, row security with policies. Enums and domains are made where
// they are missing. Left out, with a warning in the receipt: triggers, rules,
// defaults, constraints and indexes that call code, foreign keys to tables that are
// not copied, extended statistics, replica identities, publications, tablespaces.
// Refused: views and foreign tables (copy them as a query), inheritance, large
// objects, types that the destination lacks or defines otherwise, columns generated
// by code, policies that read other tables. Definitions are texts of the source's
// server: each is sent as one statement, names in them are found in the schemas of
// the copy, of its types and of extensions only, and before the COMMIT nothing may
// depend on code that is neither PostgreSQL's own nor an extension's.
//
// # Failing
//
// An Error names side and step, and never quotes a row: DETAIL and CONTEXT of
// servers are dropped, and messages of data exceptions. If the answer to COMMIT does
// not come, Run looks whether the lease of the copy is there, once the session
// that published has ended. Everybody can tell when that is by the advisory lock
// that it holds; Sweep removes staging schemas by the same sign.
package transfer
