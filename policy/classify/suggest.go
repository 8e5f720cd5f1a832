package classify

import (
	"cmp"
	"fmt"
	"slices"
)

// Suggestion is a class that a column is likely of.
type Suggestion struct {
	Class    string   `json:"class"`
	Strength Strength `json:"strength"`
	// Evidence is what speaks for it, and what does not, the strongest
	// first.
	Evidence []Evidence `json:"evidence"`
}

// Evidence is one thing that was seen.
type Evidence struct {
	// Source is name, type or values.
	Source string `json:"source"`
	// Text says it to people, in a few words and without any value.
	Text string `json:"text"`
	// Hits of Of sampled values have the form that the text speaks of; both
	// are 0 for other sources.
	Hits uint64 `json:"hits,omitempty"`
	Of   uint64 `json:"of,omitempty"`
}

// The shares of a column's values from which on a form says something, in
// percent: of forms that few other values have, of card numbers and IBANs,
// which random digits have as well, and of words without order.
const (
	enough      = 80
	some        = 20
	nearlyAll   = 97
	leastValues = 3
)

// Suggest says of which classes a column is likely, the strongest first;
// nothing if nothing speaks for any. The tally may be nil.
func Suggest(c Column, t *Tally) []Suggestion {
	if t == nil {
		t = new(Tally)
	}
	var all []Suggestion
	add := func(class string, strength Strength, e Evidence) {
		for i := range all {
			if all[i].Class == class {
				if strength >= Likely && all[i].Strength >= Likely {
					all[i].Strength = Sure // two kinds of evidence agree
				}
				all[i].Strength = max(all[i].Strength, strength)
				all[i].Evidence = append(all[i].Evidence, e)
				return
			}
		}
		all = append(all, Suggestion{class, strength, []Evidence{e}})
	}
	byType(c, add)
	byName(c, t, add)
	byValues(c, t, add)
	slices.SortStableFunc(all, func(a, b Suggestion) int { return cmp.Compare(b.Strength, a.Strength) })
	return settled(all)
}

// settled leaves out what something stronger explains: one who sees e-mail
// addresses does not need to ask what the word address means.
func settled(all []Suggestion) []Suggestion {
	if len(all) == 0 || all[0].Strength < Likely {
		return all
	}
	return slices.DeleteFunc(all, func(s Suggestion) bool { return s.Strength < Likely && s.Class != all[0].Class })
}

// adder takes a suggestion with its evidence.
type adder func(class string, strength Strength, e Evidence)

// byType: some types hold one thing only.
func byType(c Column, add adder) {
	say := func(class string, strength Strength) {
		add(class, strength, Evidence{Source: "type", Text: "the type is " + c.Type})
	}
	switch c.plainType() {
	case "macaddr", "macaddr8":
		say("network.mac", Sure)
	case "inet", "cidr":
		say("network.ip", Sure)
	case "point", "geography", "earth", "geometry":
		say("location.position", Likely)
	}
}

// byName looks the name up, the longest phrase first.
func byName(c Column, t *Tally, add adder) {
	p, found := names.look(c)
	if !found {
		return
	}
	strength := p.strength
	form, checked := formOf[p.class]
	if checked && t.Values() >= 20 && hits(t, form) == 0 && c.sort()&(texts|numbers) != 0 {
		strength = Weak
	}
	add(p.class, strength, Evidence{Source: "name", Text: fmt.Sprintf("the name says %q", p.text())})
	if strength < p.strength {
		add(p.class, Weak, Evidence{
			Source: "values", Text: fmt.Sprintf("none of %d values looks like %s", t.Values(), About(p.class)), Of: t.Values(),
		})
	}
}

// formOf are the forms that values of a class nearly always have; if none of
// them has, its name means something else.
var formOf = map[string]ShapeSet{
	"contact.email": 1<<Email | 1<<EmailInside,
	"network.ip":    1<<IPv4 | 1<<IPv6,
	"network.mac":   1 << MAC,
	"finance.iban":  1 << IBAN,
}

func hits(t *Tally, set ShapeSet) (n uint64) {
	for s := Shape(0); s < shapes; s++ {
		if set.Has(s) {
			n += uint64(t.Hits[s]) + uint64(t.Traced[s])
		}
	}
	return n
}

// byValues turns what was counted into suggestions.
func byValues(c Column, t *Tally, add adder) {
	of := t.Values()
	for s := Shape(0); s < shapes; s++ {
		m, n := meanings[s], uint64(t.Hits[s])
		if m.class == "" || n == 0 && t.Traced[s] == 0 {
			continue
		}
		strength, ok := speaks(c, t, s)
		if !ok {
			continue
		}
		add(m.class, strength, Evidence{Source: "values", Text: says(t, s), Hits: n, Of: of})
	}
}

// says puts a count into words.
func says(t *Tally, s Shape) string {
	n, of := uint64(t.Hits[s]), t.Values()
	word, be := meanings[s].words, "are"
	if n == 1 || n == 0 && t.Traced[s] == 1 {
		word, be = meanings[s].word, "is"
	}
	if n == 0 {
		return fmt.Sprintf("%d outside the sample %s %s", t.Traced[s], be, word)
	}
	return fmt.Sprintf("%d of %d values %s %s", n, of, be, word)
}

// speaks says how much a form speaks for its class in this column.
func speaks(c Column, t *Tally, s Shape) (Strength, bool) {
	share, of, strength := t.share(s), t.Values(), meanings[s].strength
	switch {
	case anywhere.Has(s):
		return strength, true
	case s == Card || s == IBAN:
		if share < some || of < leastValues {
			return 0, false
		}
		if share < enough {
			strength = Weak
		}
		return strength, true
	case of < leastValues || share < enough:
		return 0, false
	case s == IPv4:
		return ofNetwork(c, t)
	case s == Random:
		return Question, share >= nearlyAll && t.shortest*10 >= t.longest*9 && t.different()*10 >= uint64(t.hashed)*9
	}
	return strength, true
}

// ofNetwork tells addresses from versions such as 4.9.6.241: addresses are of
// many networks, or of those that are nobody's own, and of many hosts.
func ofNetwork(c Column, t *Tally) (Strength, bool) {
	if names.speaksOfVersions(c) {
		return 0, false
	}
	addresses := uint64(t.Hits[IPv4])
	if uint64(t.private)*100 >= addresses*enough || count(t.first) >= 8 {
		return Likely, uint64(count(t.last)) >= min(addresses/2, 8)
	}
	// Few networks with small numbers in front: versions, as like as not.
	return Question, t.first[0]>>32 != 0 || t.first[1]|t.first[2]|t.first[3] != 0
}
