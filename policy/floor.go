package policy

import (
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
)

// The ladders of what a place may show a stranger, weakest first. A floor
// names the rung that a place must reach.
var (
	tlsRungs            = []string{"none", "offered", "required", "verified"}
	authenticationRungs = []string{"none", "any-password", "scram", "certificate"}
	replicationRungs    = []string{"open", "closed"}
)

// authenticationRung is how high a measured answer stands. What is not in
// it, unknown above all, stands nowhere.
var authenticationRung = map[string]int{
	"trust": 0, "ident": 0,
	"password": 1, "md5": 1,
	"scram": 2, "gss": 2, "oauth": 2,
	"certificate": 3, "rejected": 3,
}

// floor is what a place must reach. Its fields are rungs.
type floor struct {
	tls, authentication, replication int
}

// below says where a measurement stays below the floor, and "" if nowhere.
// What was not measured reaches only the lowest rung.
func (f *floor) below(fact *Place) string {
	if f.tls > 0 && slices.Index(tlsRungs, fact.TLS) < f.tls {
		return fmt.Sprintf("TLS is %s, and %s is asked for", measured(fact.TLS), tlsRungs[f.tls])
	}
	at, known := authenticationRung[fact.Authentication]
	if f.authentication > 0 && (!known || at < f.authentication) {
		return fmt.Sprintf("authentication is %s, and %s is asked for", measured(fact.Authentication), authenticationRungs[f.authentication])
	}
	if f.replication > 0 && fact.Replication != replicationRungs[1] {
		return fmt.Sprintf("replication is %s, and closed is asked for", measured(fact.Replication))
	}
	return ""
}

func measured(value string) string {
	if value == "" {
		return "not known"
	}
	return quote.Short(value, maxName)
}
