package classify

import (
	"slices"
	"strings"
)

// text writes the words of a phrase as they stand in the dictionary.
func (p *phrase) text() string { return strings.Join(p.words, " ") }

// look finds the phrase that says most about a column's name.
func (d *dictionary) look(c Column) (*phrase, bool) {
	words, sort := wordsOf(c.Name), c.sort()
	if len(words) == 0 || d.before[words[0]] && len(words) > 1 {
		return nil, false
	}
	if sort&booleans != 0 && sort != anySort {
		sort = booleans // yes or no says nothing that has a form
	}
	for i := range d.phrases {
		p := &d.phrases[i]
		end := p.endIn(words)
		if end < 0 || sort&(p.fits|documents) == 0 || p.person && !d.ofPeople(c, words) {
			continue
		}
		if end < len(words) && slices.ContainsFunc(words[end:], func(w string) bool { return d.behind[w] }) {
			return nil, false
		}
		return p, true
	}
	return nil, false
}

// endIn is the place behind the phrase in a name, -1 if it is not there.
func (p *phrase) endIn(words []string) int {
	if p.whole && len(words) != len(p.words) {
		return -1
	}
	for at := len(words) - len(p.words); at >= 0; at-- {
		if slices.Equal(words[at:at+len(p.words)], p.words) {
			return at + len(p.words)
		}
	}
	return -1
}

// ofPeople reports whether a relation, or the other words of the name, speak of
// people.
func (d *dictionary) ofPeople(c Column, words []string) bool {
	person := func(w string) bool { return d.people[w] }
	return slices.ContainsFunc(wordsOf(c.Relation), person) || slices.ContainsFunc(words, person)
}

// speaksOfVersions reports whether a name is that of a version.
func (d *dictionary) speaksOfVersions(c Column) bool {
	for _, w := range wordsOf(c.Name) {
		switch w {
		case "version", "versions", "firmware", "fw", "ver", "release", "build", "sw", "hw", "revision":
			return true
		}
	}
	return false
}
