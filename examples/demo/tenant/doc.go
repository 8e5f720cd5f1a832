// Package tenant lives in somebody's Vault for as long as the demo runs, and
// takes everything along when it leaves.
//
//	Open    looks whether Vault is there, and whether the token may do all of
//	        what follows, before anything is made
//	Settle  makes a database engine, an AppRole method and two policies, all
//	        under one name that nothing else has, from the files of
//	        examples/vault
//	Leave   removes them, with every lease, token and login that hangs from them
//
// What was asked for is noted before Vault is asked, and a request that has
// begun is never cut short, so that Ctrl-C leaves nothing unknown behind.
//
// Vault's own words are not passed on: they may hold what they are about.
package tenant
