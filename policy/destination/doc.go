// Package destination holds what was found out about a place that data may go
// to, and judges it.
//
// A place is looked at from two sides, because neither tells the truth alone.
// Outside is what strangers meet who knock at the server: it is true, but only
// for the addresses, users and databases that were tried. Facts is what the
// server says of itself over SQL: it is complete, but tells of files and not of
// what was loaded, and of nothing that the asking role may not see. Where the
// two disagree, the weaker counts.
//
//	Facts    (facts.go, fact.go)  settings, roles, rules of pg_hba.conf, ways onward
//	Outside  (outside.go)         every knock and its answer, certificates
//	HBA      (hba*.go)            which rule a client would meet, without sending anything
//	Entry    (entry.go)           the weakest way in for a role, from both sides
//	Floor    (floor.go)           what a policy demands, as plain data
//	Judge    (judge*.go)          where a place stays below it: deficits, each with the
//	                              fact, a way to repair it, and identifiers of CIS and STIG
//	Report   (report.go, text.go) all of it for people and programs
//
// What SQL and the network cannot show, encryption at rest above all, is
// attested: a statement signed by somebody the policy names, bound to the
// server's system identifier and to the key of its certificate
// (attestation.go). The roles that look at a destination, load it and close it
// are made by its DBA with the SQL that SetupSQL prints (setup.go).
//
// Everything is three-valued. A Fact that is not known says why, and where a
// floor asks for something, unknown is a deficit.
//
// The package does no I/O and has no clock: proxy/probe measures.
package destination
