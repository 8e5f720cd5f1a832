package policy

import "fmt"

// RuleInfo is a rule as tools show it.
type RuleInfo struct {
	ID string
	// Effect is deny, allow, mask, carry or hold; Mode is enforce, warn or
	// shadow.
	Effect, Mode string
	// Position is file:line:column, Line the line alone.
	Position string
	Line     int
}

// Rules lists the rules in the order of the document.
func (p *Policy) Rules() []RuleInfo {
	if p == nil {
		return nil
	}
	out := make([]RuleInfo, 0, len(p.rules))
	for _, r := range p.rules {
		out = append(out, r.info())
	}
	return out
}

func (r *rule) info() RuleInfo {
	return RuleInfo{ID: r.id, Effect: r.effect.String(), Mode: r.mode.String(), Position: r.position, Line: r.place.Line}
}

// Warnings says what its owner should know about a policy that is in order:
// every rule that does not act, and every stream that keeps to no publication,
// in the order of the document. Each begins with file:line:column.
func (p *Policy) Warnings() []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, f := range p.feeds {
		if f.plugin != pgoutput {
			out = append(out, fmt.Sprintf("%s: entry %s of replication streams the whole database: only the plugin pgoutput keeps to publications", f.who.position, f.who.id))
		}
	}
	for _, r := range p.rules {
		switch r.mode {
		case Warn:
			what := fmt.Sprintf("does not %s anything, clients are only told", infinitives[r.effect])
			if r.effect == Allow {
				what = "allows, and clients are told so"
			}
			out = append(out, fmt.Sprintf("%s: rule %s is in mode warn: it %s", r.position, r.id, what))
		case Shadow:
			out = append(out, fmt.Sprintf("%s: rule %s is in mode shadow: it does not %s anything, what it would do is only recorded",
				r.position, r.id, infinitives[r.effect]))
		}
	}
	return out
}
