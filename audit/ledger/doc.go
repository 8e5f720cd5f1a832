// Package ledger knows every copy: what was copied, from where, to where, for
// whom, until when, and how well it has been protected since.
//
// # What it is for
//
// Data that was copied to another database is forgotten there. The ledger is the
// answer to "where is contact.email today, who answers for it, when does it go,
// and how long was it open?". It keeps no file: everything it says is in the
// trail, as events whose bodies are the types of this package, and it can be
// made from the trail again at any time, on another machine, by somebody who
// trusts nobody but the key (package verify).
//
// # The way of an event
//
//	proxy: body -> Event (checked) -> Trail.Append -> Apply \
//	                                                         Ledger -> Copies, Find, Chain, Held, Exposed
//	trail on disk -> Read (also while it is written) -> Add /
//
// Event refuses a body that the ledger would not believe, so such a one never
// comes into the trail. Apply and Add do the same: a ledger that followed the
// proxy is the one that Read makes of its trail.
//
// # Events
//
// The record's id and session are those of the request, where there was one.
// Bodies have names, times, counts and facts in them, and never the value of a
// row. Members are documented at the types.
//
//	copy.begun       Begun      before the first row is read: origin, destination, owner, expiry
//	copy.published   Published  others can see it: the receipt
//	copy.failed      Failed     it did not come about: side, step, what is left
//	copy.renewed     Renewed    it may stay for another time
//	copy.reminded    Reminded   somebody was told that it will go
//	copy.expired     Expired    its time has come
//	copy.drifted     Drifted    it is not protected as it was: severity, deficits, evidence
//	copy.recovered   Recovered  it is again
//	copy.frozen      Frozen     nobody is to read it any more
//	copy.thawed      Thawed     a person let it be read again
//	copy.purged      Purged     its rows are gone because protection was
//	copy.removed     Removed    it is gone, and that was seen
//	copy.lost        Lost       its place says that it is not there
//	place.measured   Measured   a place is not as it was measured before
//	place.changed    Changed    a place is another: address, system identifier, key
//
// The body of a copy.begun, with white space for the reader:
//
//	{
//	  "copy": "agzdmmrqxzhjw4vvxs7nqdyt2e",
//	  "destination": {
//	    "address": "10.0.7.5:5432",
//	    "certificate_key_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
//	    "database": "analytics",
//	    "place": "analytics",
//	    "system_identifier": "7446512003915874101"
//	  },
//	  "expires": "2026-12-31T00:00:00.000000Z",
//	  "origin": {
//	    "database": "shop",
//	    "facts": {
//	      "count": 214,
//	      "facts_digest": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
//	      "sha256": "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"
//	    },
//	    "place": "shop",
//	    "relations": [{"name": "users", "oid": 16402, "schema": "public"}],
//	    "snapshot": "00000003-0000001B-1",
//	    "system_identifier": "7446511861330112345"
//	  },
//	  "owner": "bob",
//	  "person": "alice",
//	  "reason": "churn model",
//	  "role": "analyst",
//	  "targets": [{
//	    "columns": [
//	      {"classes": ["contact.email"], "mask": "pseudonym (domain \"email\", as email)", "name": "email"},
//	      {"classes": ["secret.api_token"], "mask": "null", "name": "api_token"}
//	    ],
//	    "from": [0],
//	    "mode": "new",
//	    "name": "users",
//	    "rest": ["id", "created_at"],
//	    "schema": "public"
//	  }],
//	  "ticket": "OPS-1207"
//	}
//
// # How a copy lives
//
//	copying --published--> live --expired--> expired --removed--> removed
//	   |                    |  ^renewed         |
//	   |--failed--> failed  '-- purged, lost ---'
//	   '--the writer of the trail ended--> unknown
//
// Beside its life a copy has a severity, from the last measurement, and is frozen
// or not. State says which of all that a person needs to know first.
//
// The ledger errs to the side of showing too much. A copy ends only by an event
// that says who looked and what was seen. An event that cannot be read is a
// problem, and the copy it names is damaged: it may be in another state than
// shown. A copy of whose beginning nothing is known answers every question about
// classes, places and owners. A copy that is seen again after its end is back, as
// unknown. Problems are never left out; whoever shows a ledger shows them.
//
// # Chains
//
// The origin of a copy may be a copy itself: a relation with the system
// identifier, database and name, or OID, of one that another copy made and that
// was not seen to be gone when the rows were read. Held finds such copies, for
// the gate; OriginFacts returns the facts about protection that a copy of them
// must be compared with, which are those of the first origin. Chain follows both
// directions.
//
// # Memory
//
// A ledger keeps for each copy what its beginning and receipt say, at most
// MaxRelations relations and MaxColumns columns, and a bounded timeline; facts
// about origins are kept once for all copies that have them in common, and only
// while one of those is there. It keeps nothing of other records.
package ledger
