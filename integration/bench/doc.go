// Command bench measures what a proxy in front of PostgreSQL costs. It runs the
// same work directly and through PgBouncer, HAProxy and Sluice, on one server,
// in one run, and prints speed, processor time and memory of each as Markdown.
//
// A Stage is the server with its data, and the Ways that lead to it. A Case is
// one kind of work. For every case all ways take turns, round by round, so that
// a machine that is slower for a while is slower for all of them:
//
//	main -> options -> stage (server, data, ways) -> measure (cases x rounds x ways) -> report -> Markdown, JSON
//
// Sluice runs as it does in production: it logs people in with SCRAM, makes a
// role for each session, analyses and decides every statement under a policy
// with rules, and writes its trail to disk.
//
// README.md says how to run it and how to read the result.
package main
