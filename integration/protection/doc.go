// Package protection holds package policy/protection against real servers: who
// is said to read what, against who can; the verdicts of the worked examples;
// planned relations against those that are made; and what a large catalog costs.
//
// Measured on PostgreSQL 15 and two cores that others used as well, with
// -relations 50000 -people 1000 (45,000 tables of ten columns, 5,000 views): a
// load takes 2.6 seconds, its heap is 52 MiB at most and 34 MiB in the end; a
// verdict on a table that everybody may read takes 0.1 seconds, one on another
// 2 to 15 milliseconds.
package protection
