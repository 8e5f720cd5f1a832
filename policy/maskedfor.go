package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
)

// maskedFor says what becomes of classes where rows go: by the rule that lets them
// out, at the client endpoint they go to, or at the place they are carried to.
type maskedFor struct {
	// first and then are entries for classes; the first that has a class counts.
	first, then []maskOf
	// without says what speaks against a class that has no entry: nil lets its
	// values pass as they are.
	without func(*columnEntry) *Reason
	// all is true if columns of which nobody has said what they hold stay, too.
	all bool
	// asks says in words who asks for it and position where (file:line:column),
	// allows what a statement is allowed to do then.
	asks, position string
	allows         func(terms) string
}

// find is the mask for a class, nil if there is none.
func (m *maskedFor) find(class string) *maskOf {
	for _, list := range [][]maskOf{m.first, m.then} {
		if at := slices.IndexFunc(list, func(one maskOf) bool { return hasClass(one.classes, class) }); at >= 0 {
			return &list[at]
		}
	}
	return nil
}

// masked are those of a column's classes that do not leave as they are.
func (m *maskedFor) masked(of []*columnEntry) []*columnEntry {
	return slices.DeleteFunc(slices.Clone(of), func(e *columnEntry) bool { return m.find(e.class) == nil && m.without(e) == nil })
}

// maskedByRule is what a rule with the effect mask asks for. The masks of the
// client's endpoint go before those of the document.
func (c *ruling) maskedByRule(t terms) *maskedFor {
	m := &maskedFor{
		then: c.judge.policy.masks, all: true, position: t.rule.position,
		asks: "rule " + t.rule.id + " lets this pass if classified columns are masked",
		allows: func(t terms) string {
			return "rule " + t.rule.id + " allows " + t.effect.Kind.String() + " with classified columns masked"
		},
		without: func(e *columnEntry) *Reason {
			return &Reason{
				Rule: ruleMask, Position: e.position,
				Text: quote.Short(e.text, maxSubject) + " is " + e.class + ", and no entry of masks is for that class",
			}
		},
	}
	if at := c.judge.view.client; at != nil {
		m.first = at.masks
	}
	return m
}

// maskedAtClient is what a client endpoint with masks asks for; nil if nothing that
// the statement gives the client is of a class that it masks.
func (c *ruling) maskedAtClient() *maskedFor {
	at := c.judge.view.client
	if at == nil || len(at.masks) == 0 {
		return nil
	}
	m := &maskedFor{
		first: at.masks, position: at.position,
		asks: "client " + at.name + " is given certain classes masked only",
		allows: func(t terms) string {
			return t.effect.Kind.String() + " is allowed with what client " + at.name + " is given masked only"
		},
		without: func(e *columnEntry) *Reason {
			if e.secret() {
				return &Reason{Rule: ruleSecret, Position: e.position, Text: quote.Short(e.text, maxSubject) + " is " + e.class + ": credentials leave only with the mask null or constant"}
			}
			return nil
		},
	}
	if !slices.ContainsFunc(c.toClient(), func(e *columnEntry) bool { return m.find(e.class) != nil }) {
		return nil
	}
	return m
}
