// Package oracle asks real PostgreSQL servers whether the analysis reads SQL
// as they do. The texts are the whole corpus: the pool of everyday and edge
// texts, the table of ways out, and the cases of package statement.
//
// Three questions are asked of each server:
//
//   - Does it read the text at all? The text is sent in a transaction that
//     has failed: the server parses it and then refuses to run it (25P02), so
//     that the answer is the grammar's alone and nothing happens. Where it
//     differs from the analysis, testdata/differences.txt must list
//     the text with a reason, and must list no other.
//   - Into how many statements does it cut the text? The text is run, as the
//     owner of the tables who may do nothing else, in a transaction that is
//     rolled back, and the CommandComplete messages are counted. Texts that
//     ran are run again joined to longer ones.
//   - Which relations does it read? Every relation in the plan (EXPLAIN
//     VERBOSE) must be one that the analysis names, or one that the plan of
//     SELECT * FROM such a one has: a view's, a partition.
//
// Then every text is spoilt in a few places, the same ones each time, and the
// first two questions are asked again: the server whose grammar the parser has
// must read exactly what the analysis reads.
package oracle
