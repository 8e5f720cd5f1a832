// Package demo shows what Sluice is for, on real servers.
//
// Start brings up three of them in a temporary folder: shop, the production
// database of a camera maker; analytics, a place that protects what it is
// given; and sandbox, a place that lets everybody in. Run puts Sluice in
// front of shop and either waits for a person with psql or plays a story: an
// engineer works as always, then tries in six ways to take customers' data
// to where it must not go, and takes a dump that may go anywhere. Then an
// analysis needs the customers in another database: sandbox is measured and gets
// nothing, and analytics gets a copy, masked, that Sluice carries itself. What
// happened in December 2019 is done to that copy: somebody lets everybody read it,
// and it is frozen; somebody opens the server, and it is purged.
//
// The story is played with the real psql, and it does not believe what it is
// told: after every refusal it looks on the servers themselves whether
// anything happened, and after the copy what is there. The first thing that is
// not as it should be ends it with an error.
//
// With Options.Vault the logins at shop come from somebody's Vault, in which the
// demo makes what it needs under a name of its own and removes it (package tenant).
// Those with which copies are carried are always made by Sluice.
//
// Everything lives in one folder and in child processes that end with the
// demo, however it ends.
//
// Files in reading order: servers.go (the three servers; schema.sql, data.sql),
// workplace.go (the folder, passwords, policy), places.go (the places made ready
// for copies), run.go (the demo), story.go and copies.go (what happens in it),
// play.go, psql.go and show.go (how it is played and shown), evidence.go and
// timeline.go (the trail's part), vault.go and vaultstory.go (the same with Vault),
// leave.go (nothing stays behind).
package demo
