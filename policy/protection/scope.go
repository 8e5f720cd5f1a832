package protection

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
)

// Extent is how many rows somebody sees.
type Extent uint8

// The extents. That of the zero Scope is no row.
const (
	NoRows Extent = iota
	SomeRows
	AllRows
)

// Scope is which rows of a relation somebody sees. SomeRows are those for which
// one of the conditions in Any holds and every one in Every; conditions are
// known by a digest, so that no constant in them is kept.
type Scope struct {
	Extent Extent
	Any    []string
	Every  []string
	// Soft says that a condition looks at a setting, which whoever logs in
	// directly can set to anything.
	Soft bool
}

var everything = Scope{Extent: AllRows}

// Within reports whether the rows of a scope are surely among those of another:
// fewer alternatives and more demands see fewer rows. Two conditions are the
// same only if their digests are, or if same says so of one of s and one of other.
func (s Scope) Within(other Scope, same func(mine, its string) bool) bool {
	switch {
	case s.Extent == NoRows || other.Extent == AllRows:
		return true
	case s.Extent == AllRows || other.Extent == NoRows:
		return false
	}
	equal := func(mine, its string) bool { return mine == its || same != nil && same(mine, its) }
	for _, mine := range s.Any {
		if !slices.ContainsFunc(other.Any, func(its string) bool { return its == always || equal(mine, its) }) {
			return false
		}
	}
	for _, its := range other.Every {
		if !slices.ContainsFunc(s.Every, func(mine string) bool { return equal(mine, its) }) {
			return false
		}
	}
	return true
}

// compare orders scopes for a canonical list.
func (s Scope) compare(o Scope) int {
	return cmp.Or(cmp.Compare(s.Extent, o.Extent), slices.Compare(s.Any, o.Any), slices.Compare(s.Every, o.Every), compareBool(s.Soft, o.Soft))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// scopeJSON is a scope as it is stored.
type scopeJSON struct {
	Rows  string   `json:"rows"`
	Any   []string `json:"any,omitempty"`
	Every []string `json:"every,omitempty"`
	Soft  bool     `json:"soft,omitempty"`
}

var extentNames = []string{NoRows: "none", SomeRows: "some", AllRows: "all"}

// MarshalJSON writes {"rows":"all"}, {"rows":"none"}, or
// {"rows":"some","any":[...],"every":[...],"soft":true}.
func (s Scope) MarshalJSON() ([]byte, error) {
	if int(s.Extent) >= len(extentNames) {
		return nil, fmt.Errorf("protection: the scope %d is none", s.Extent)
	}
	return json.Marshal(scopeJSON{extentNames[s.Extent], s.Any, s.Every, s.Soft})
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing that it would not.
func (s *Scope) UnmarshalJSON(data []byte) error {
	var form scopeJSON
	if err := decodeStrictly(data, &form); err != nil {
		return err
	}
	at := slices.Index(extentNames, form.Rows)
	switch {
	case at < 0:
		return fmt.Errorf("protection: %q is no scope", quote.Short(form.Rows, maxName))
	case Extent(at) == SomeRows && len(form.Any) == 0:
		return fmt.Errorf("protection: a scope of some rows names no condition")
	case Extent(at) != SomeRows && (form.Any != nil || form.Every != nil || form.Soft):
		return fmt.Errorf("protection: a scope of %s rows has conditions", form.Rows)
	}
	*s = Scope{Extent(at), sorted(form.Any), sorted(form.Every), form.Soft}
	return nil
}

// sorted is a list in order, each once.
func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
