// Package queries makes random statements over the schema of the suite of
// provenance, for it and for others who want queries that nobody thought of.
package queries
