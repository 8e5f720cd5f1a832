// Package script compares policy/script with psql: a real psql runs files
// against a real server, a relay between them notes every text it sends, and
// the reader of policy/script has to find the same texts in the same files,
// byte by byte.
//
// The files are those of testdata, written for this purpose, and files put
// together at random from the pieces that are hard to read. A file whose name
// ends in .branches.sql has \if: psql sends one branch of it and the reader
// gives both, so psql's texts have to be among the reader's, in their order.
package script
