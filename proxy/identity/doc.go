// Package identity establishes who is at the client's end of a connection
// before anything else happens on it.
//
// A login takes three steps, and the caller (package proxy) walks them in
// this order:
//
//  1. [Rules.Match] picks the login method from an ordered list over
//     database, user, address and TLS. The first line that fits decides;
//     when none fits, the connection is refused with [NotAdmitted].
//  2. [Throttle.Check] turns away an address that has just guessed wrong
//     several times for this user.
//  3. [SCRAM], [Certificate], [JWT] or [OAuthBearer] proves the name, and
//     returns an [Identity].
//
// Passwords are never known to the proxy. A verifiers file holds, one user a
// line, what PostgreSQL itself keeps in pg_authid.rolpassword:
//
//	# people who may log in
//	alice:SCRAM-SHA-256$32768:<salt>$<StoredKey>:<ServerKey>
//
// so a line can be pasted from one to the other. [AddUser] writes such lines
// and [OpenVerifiers] reads them; a changed file counts from the next login
// on, without a restart.
//
// Tokens come from OpenID providers, each an [Issuer] in the configuration and
// a [Provider] at run time. A token goes this way:
//
//	[OAuthBearer] reads it (bearermessage.go), or [JWT] takes the password
//	  parseJWT takes it apart                        claims.go
//	  verify: issuer, audience, times, signature     verify.go
//	    keySet: the provider's public keys           keys.go, provider.go
//	  bearer: who holds it, in which groups          bearer.go
//	  admit: may this person use the start-up name?  bearer.go
//	  usedTokens, if each is for one login           used.go
//
// Nothing is inferred from the start-up name: it is the holder's own, or the
// rule lists who may use it. What costs nothing is checked first, so only a
// token that could be ours makes anybody ask the provider; and the provider is
// asked at most every ten seconds. The [Token] itself prints nothing.
//
// What a stranger can learn is kept small. Every failed login by password reads
// the same to the client (one sentence, SQLSTATE 28P01), a name that does not
// exist is led through the whole exchange with a salt that stays the same for
// that name, and the true cause goes to the log by way of [Failure.Cause]. A
// token that is refused says nothing about other people, so its holder is told
// which check it failed. Nothing the client sent is ever quoted in an error,
// because a confused client may send its password where something else belongs.
//
// The client's side, package signin, asks providers and replaces files in the same
// ways: [ProviderClient], [MayAsk], [LockFolder], [WriteAtomically].
//
// The package is a leaf: it imports nothing else of Sluice.
package identity
