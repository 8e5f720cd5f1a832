package destination

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Digest is the SHA-256, in hex, of the facts without when and from where they
// were asked: two measurements have the same one exactly if nothing that is
// looked at has changed.
//
// What changes by itself is left out as well: who is streaming at the moment
// stays, but the time at which the server read its files does not.
func (f *Facts) Digest() string {
	stable := *f
	stable.MeasuredAt = time.Time{}
	stable.Vantage = Vantage{}
	stable.ConfigLoadedAt = Fact[time.Time]{}
	stable.Sort()
	return digestOf(&stable)
}

// digestOf is the SHA-256 of a value's JSON, in which maps are sorted.
func digestOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil { // no type here can fail
		panic(fmt.Sprintf("facts of a destination have no JSON: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Sort brings every list but the rules of pg_hba.conf, whose order has a
// meaning, into the order of its text, so that the same facts have the same
// JSON.
func (f *Facts) Sort() {
	sortFact(&f.Roles)
	sortFact(&f.Memberships)
	sortFact(&f.Verifiers)
	sortFact(&f.Databases)
	sortFact(&f.Schemas)
	sortFact(&f.DefaultACLs)
	sortFact(&f.RoleSettings)
	sortFact(&f.OpenFiles)
	sortFact(&f.SoftPolicies)
	sortFact(&f.Extensions)
	sortFact(&f.Languages)
	sortFact(&f.EventTriggers)
	sortFact(&f.ForeignServers)
	sortFact(&f.Publications)
	sortFact(&f.Subscriptions)
	sortFact(&f.Slots)
	sortFact(&f.Walsenders)
}

// sortFact sorts a copy, since the list may be shared.
func sortFact[T any](f *Fact[[]T]) {
	type keyed struct {
		key   string
		value T
	}
	list := make([]keyed, len(f.Value))
	for i, v := range f.Value {
		list[i] = keyed{fmt.Sprintf("%#v", v), v}
	}
	slices.SortFunc(list, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	f.Value = nil
	for _, k := range list {
		f.Value = append(f.Value, k.value)
	}
}
