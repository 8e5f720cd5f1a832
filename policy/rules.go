package policy

import "slices"

// RuleInfo is a rule as tools list it.
type RuleInfo struct {
	ID string
	// Effect and Mode are the words of the document; Mode is enforce where
	// it says nothing.
	Effect, Mode string
	// Position is file:line:column, Line its line.
	Position string
	Line     int
}

// Rules lists the rules in the order of the document.
func (p *Policy) Rules() []RuleInfo {
	if p == nil {
		return nil
	}
	all := append(slices.Clone(p.deny), p.allow...)
	slices.SortStableFunc(all, func(a, b *rule) int { return a.place.Line - b.place.Line })
	infos := make([]RuleInfo, 0, len(all))
	for _, r := range all {
		infos = append(infos, RuleInfo{ID: r.id, Effect: r.effect.String(), Mode: "enforce", Position: r.position, Line: r.place.Line})
	}
	return infos
}
