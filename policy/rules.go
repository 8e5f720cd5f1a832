package policy

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
	infos := make([]RuleInfo, 0, len(p.rules))
	for _, r := range p.rules {
		infos = append(infos, r.info())
	}
	return infos
}

func (r *rule) info() RuleInfo {
	return RuleInfo{ID: r.id, Effect: r.effect.String(), Mode: r.mode.String(), Position: r.position, Line: r.place.Line}
}
