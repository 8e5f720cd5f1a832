package policy

import "fmt"

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

// Warnings says what is odd about a policy that is in order: rules that do
// not act. Each begins with file:line:column.
func (p *Policy) Warnings() []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, r := range p.rules {
		if words := oddities(r); words != "" {
			out = append(out, fmt.Sprintf("%s: rule %s %s", r.position, r.id, words))
		}
	}
	return out
}

// oddities says how a rule does less than its effect promises.
func oddities(r *rule) string {
	switch {
	case r.mode == Shadow:
		return "is in mode shadow: it does nothing, and what it would have done is only recorded"
	case r.mode == Warn && r.effect == Allow:
		return "is in mode warn: it allows, and tells the client so"
	case r.mode == Warn:
		return "is in mode warn: what it matches passes, and the client is told"
	}
	return ""
}
