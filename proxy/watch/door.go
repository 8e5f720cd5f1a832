package watch

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/destination"
)

// doors are what was met outside, in words: each way to knock with its answer. Names
// that were made up differ from one time to the next, so they have none here.
func doors(o *destination.Outside) map[string]string {
	out := map[string]string{}
	for _, k := range o.Knocks {
		user := k.User
		if k.Unknown {
			user = "a stranger"
		}
		to := "database " + k.Database
		switch {
		case k.Database == "":
			to = "physical replication"
		case k.Replication:
			to = "logical replication of " + k.Database
		}
		out[strings.Join([]string{k.Transport, "as", Clean(user), "to", Clean(to), "from", k.Source}, " ")] = string(k.Authentication)
	}
	tls := fmt.Sprintf("offered %t, directly %t, verified %t, versions %s", o.TLS.Offered, o.TLS.Direct, o.TLS.Verified, strings.Join(o.TLS.Versions, " "))
	if o.TLS.Unclear {
		tls = "not clear"
	}
	for _, c := range o.TLS.Certificates {
		tls += ", key " + c.Key
	}
	out["TLS"] = tls
	out["problems"] = Clean(strings.Join(o.Problems, "; "))
	return out
}

// doorChanges are what is different.
func doorChanges(was, is map[string]string) (out []Change) {
	for way, answer := range is {
		if was[way] != answer {
			out = append(out, Change{Kind: "what a knock meets,", Name: way, Was: was[way], Is: answer, Tier: Wire})
		}
	}
	for way, answer := range was {
		if _, there := is[way]; !there {
			out = append(out, Change{Kind: "what a knock meets,", Name: way, Was: answer, Tier: Wire})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// doorSum is a digest of what was met, empty if nobody has knocked.
func doorSum(door map[string]string) string {
	if door == nil {
		return ""
	}
	h := sha256.New()
	for _, way := range slices.Sorted(maps.Keys(door)) {
		fmt.Fprintf(h, "%q %q\n", way, door[way])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sum is a digest of what is around the copies: roles, settings, rules, but not what
// comes and goes with leases.
func (b *baseline) sum() string {
	h := sha256.New()
	kinds := map[string]string{}
	for s, digest := range b.digests {
		if s.root == 0 && s.kind != kindLease {
			kinds[s.kind] = digest
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(h, "%q %s\n", kind, kinds[kind])
	}
	return hex.EncodeToString(h.Sum(nil))
}
