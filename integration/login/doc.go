// Package login shows logins with tokens of an OpenID provider through a
// running Sluice, in front of a real PostgreSQL: psql with a token as the
// password, pgx and the libpq of PostgreSQL 18 with OAUTHBEARER. The provider is
// one of the library github.com/zitadel/oidc, in the folder provider, run as a
// process of its own.
//
// Every token that a test had made is looked for in all that Sluice has written
// when the test ends: its log, its trail, what clients were told.
package login
