// Package watch looks after copies at the places that hold them, for as long as
// they hold them.
//
// A copy was allowed because its place protected it as well as its origin did. That
// was true at one moment. The watch finds out within seconds when it is not any
// more, and does what the policy says should be done then.
//
//	            every second or so            on any change, and hourly
//	looks  ---- tripwire, fingerprints, ----> verdict ----> stand ----> reaction
//	knocks ---- hints, logins                 (Place.Judge)  (of each     alert, block,
//	                                                         copy)        freeze, purge
//
//	Watch       (watch.go)        all places; who has copies is watched
//	watcher     (watcher.go)      one place: the loop
//	look        (look.go, sql*.go) what is asked in a second: did anything change
//	baseline    (baseline.go)     what was seen last, and what is different, in words
//	logins      (logins.go)       logins that are like those of leases and are none
//	conclude    (conclude.go)     what a verdict means for each copy, and the events
//	stand       (stand.go)        how bad it is, what has to be done, what is done
//	freeze      (freeze.go)       nobody reads any more; reversible
//	remove      (remove.go)       the rows are gone
//	renew       (renew.go)        the lease inside the data, renewed only while all is well
//	expire      (expire.go)       reminders, the end of a copy's time
//	unfinished  (unfinished.go)   copies whose process ended before they did
//	Alert       (alert.go)        what people are told, and the webhook
//	Status      (status.go)       how it is, for people and metrics
//
// The tiers and their cost are those of the design of the watch: a tripwire (times at
// which the server was started and its files loaded) that changes with every reload,
// T0 for everything that is stored with the copied relations, T1 for everything
// around them that can widen access, counters of changes to catalogs as a hint to
// look at once, the rules of pg_hba.conf, and knocks from outside.
//
// # What it promises
//
// A look that fails, and a verdict that cannot be reached, is never fine: it is the
// severity unknown, the lease inside the data is not renewed, and when it ends nobody
// reads the copy. While things are bad, what is to be done about a copy becomes
// sterner or stays, and never milder. What can be undone is done before what cannot,
// and rows are removed only after a second measurement. Every reaction has an event
// before it, which says what was seen, and one after it, which says what was done and
// how that was verified. Nothing that was frozen is thawed but by a person.
//
// The package knows nothing of sessions, leases of logins and configuration: it works
// on a Place and a Book. Policies are judged behind Place.Judge.
package watch
