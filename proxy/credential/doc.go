// Package credential decides who logs in upstream in a client's name.
//
// Nobody who connects to the proxy holds a password of the database. For each
// session the proxy obtains a [Lease]: a role that did not exist a moment
// before, a password nobody has seen, and an end. When the session ends the
// lease is ended too, and that means more than to drop a role: PostgreSQL
// lets a session go on after its role was dropped, with an open cursor still
// delivering rows, so every backend of the role is terminated and seen gone
// first.
//
// [Builtin] is the issuer that comes with the proxy. It creates the roles
// itself over an administrator's connection, which makes it easy to try the
// proxy and wrong to rely on it: see [Builtin.Warning]. The one for production
// is in package vault: it asks Vault, so that the proxy holds no standing
// rights. What it issues is renewed while it is in use, comes to a last
// renewal, or is revoked by somebody else; a lease's [Life] tells of that.
//
// A lease of Builtin goes through these states, each of which a crash may be the last
// of:
//
//	Issue   CREATE ROLE with verifier, VALID UNTIL and COMMENT, one transaction
//	        (the session works)
//	End     NOLOGIN -> terminate backends -> roll back prepared transactions
//	        -> REASSIGN OWNED, DROP OWNED in every database -> DROP ROLE
//	Sweep   at start-up: End for every role whose COMMENT names this instance
//	        and another run of it
//
// What goes to the server is fixed text plus quoted names and literals made
// here; the password itself is never sent, only its SCRAM verifier, so that a
// server that logs statements does not log passwords.
//
// What both issuers do on a server of the database is here once: [Pinned], [Query],
// [UntilGone].
//
// The package is a leaf: it imports nothing else of Sluice.
package credential
