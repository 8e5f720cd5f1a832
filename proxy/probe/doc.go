// Package probe measures a place: from the outside, what somebody who has no
// credential meets when they knock at a PostgreSQL server (Outside), and from
// the inside, what the server says of itself to a role that may look (Inside).
// Package policy/destination judges both.
//
// The answer decides whether data may go there, so three rules hold. A
// weakness that was seen is a fact, whoever gave the answer. The absence of
// a weakness counts only if a verified certificate shows who answered. And
// what could not be measured is a problem that is reported, never a pass.
//
// One measurement tries every combination of transport (plaintext, TLS asked
// for with SSLRequest, TLS from the first byte), user (a random name that
// cannot exist, "postgres", the names given), database (those given and
// "postgres") and mode (an ordinary session, physical replication), because
// pg_hba.conf chooses its line by exactly these: a server may demand SCRAM
// over TLS and let everybody in without it. Options.Whole adds template1, a
// database that cannot exist, logical replication, the newest version of the
// protocol and how SCRAM verifiers were made; Options.Sources adds addresses to
// knock from.
//
// The probe is a polite stranger. The name that cannot exist goes first: a
// server that trusts everybody says AuthenticationOk before it looks the
// name up, so an open door is proven without going in. It never sends a
// password or anything made of one. With Options.Whole it begins SCRAM, with a
// random number, to be told the number of iterations, and leaves. Should a
// server let it in all the same, it
// says Terminate and runs nothing. Its application_name, sluice-probe/ID,
// and the made-up name, sluice_probe_ID, tell the server's owner who
// knocked. Each try costs the server one connection, and its log
// LinesPerConnection entries at most: about two on average if it logs
// connections, one where it turns somebody away if it does not.
//
// The server is not trusted. Frames, messages, bytes and time are bounded,
// and text that came from it is cut and made printable before it is kept.
//
// Files in reading order: probe.go (what is asked for and how a measurement
// runs), posture.go (what comes out), plan.go (which tries), transport.go
// and certificate.go (how a connection opens), frame.go (bounded reading),
// knock.go (one try), answer.go (what the first answer means), asked.go (what
// is asked beyond that), vantage.go (from where), finding.go (what it all
// amounts to), facts.go (the form in which it is judged). inside.go says how a
// server is asked about itself, insidesql.go what, insidelists.go what becomes of
// the answers.
package probe
