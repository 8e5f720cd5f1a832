// Package vault issues credentials that Vault made, and sees to their end.
//
// The proxy holds no standing password of a database. It logs in to Vault (or
// OpenBao, which speaks the same), and for every session asks Vault's database
// engine for a role that lives as long as the session. What Vault calls a lease
// is a credential with an end; this package makes that end true:
//
//	Open    reads the journal of the run before; contacts nobody
//	Begin   logs in -> journals the login token's accessor
//	        -> ends what the journal shows of earlier runs
//	Issue   child token, named after user and session -> journals its accessor
//	        -> reads database/creds/ROLE with it -> journals lease and role
//	        -> hands the credential out
//	        (renewed at two thirds of its time, by one scheduler for all)
//	End     terminates the role's backends, sees them gone -> revokes the lease
//	        -> looks for backends again -> revokes the child token -> journals
//	Close   End for everything that is left, then the login token itself
//
// Why a child token for each lease: Vault revokes with a token everything that
// was leased with it. So when the answer that carries a credential is lost on
// the way, the proxy knows neither lease nor role, but it knows the accessor of
// the token that asked, and revoking that takes the unknown lease along. The
// child token is also where the names of user and session reach Vault's
// username template, and Vault's own audit log.
//
// Why End is more than a revocation: dropping a role does not end its sessions,
// and PostgreSQL lets an open cursor deliver rows after DROP ROLE. Vault never
// terminates backends. The issuer does, over one control connection for each
// database, whose login is itself a lease, of a Vault role that child tokens
// cannot read if they have Config.SessionPolicies. A lease that somebody revokes
// in Vault is noticed over the same connection: its role is gone from pg_roles.
//
// Beside leases it reads and creates what has no end: a key that is kept in KV
// version 2 (ReadKept, CreateKept), at the start, with the same login.
//
// All times are durations that Vault gave, counted on our monotonic clock from
// the moment before the question was sent. Vault's absolute times are not
// looked at, so that clocks may differ.
//
// The journal holds lease ids, accessors and role names: enough to revoke, and
// nothing that opens anything. Tokens and passwords are nowhere but in memory.
// Error texts of Vault are not passed on, because it is Vault that decides what
// is in them; what is known to be harmless is said again in our words.
//
// The login token needs these rights:
//
//	update  auth/token/create, auth/token/revoke-accessor
//	update  auth/token/renew-self, auth/token/revoke-self
//	update  sys/leases/renew, sys/leases/revoke, sys/leases/lookup
//	read    auth/token/lookup-self
//	read    database/creds/CONTROL, database/creds/ROLE (which Begin asks about)
//	read    database/static-creds/ROLE, secret/data/PATH
//	create  secret/data/PATH, for a key that is made at the first start
//	update  sys/capabilities-self, with which Begin looks for rights that are missing
//
// A child token needs read on database/creds/ROLE and update on
// auth/token/renew-self; Config.SessionPolicies can give it that and no more.
// The login token must be a service token: batch tokens have no accessor and
// no children.
//
// Two things are left to others. A prepared transaction outlives its session
// and its role; only its owner and superusers may end it, and the control role
// is neither. And with shared passwords (Static, KV) nothing is journaled,
// because after a crash nobody could tell which backends of the shared user
// were ours; they end when the server notices that their client is gone.
//
// The package knows Sluice's package credential and nothing else of it.
package vault
