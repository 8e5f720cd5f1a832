// Package answer reads the answers of a server to questions about its catalog.
//
// What is asked and what becomes of it is for the packages that ask: catalog
// wants to know what names mean, protection who can read. Both get rows of texts,
// in PostgreSQL's text format and in the order of the question's columns, and
// trust none of them: a Row reads value after value, and its first mistake stays.
// Strings keeps the texts, and bounds them together, since whoever may make
// objects could make a catalog of any size.
//
// The package asks nobody and does no I/O.
package answer
