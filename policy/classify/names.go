package classify

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed data/names.txt
var namesText string

//go:embed data/beside.txt
var besideText string

//go:embed data/people.txt
var peopleText string

// dictionary is what names say.
type dictionary struct {
	phrases []phrase
	// behind and before are words that turn a name into something else;
	// people are words of relations about people.
	behind, before, people map[string]bool
}

// phrase is some words of a name with what they say.
type phrase struct {
	words         []string
	class         string
	whole, person bool
	strength      Strength
	fits          sort
}

var names = mustRead()

func mustRead() *dictionary {
	d, err := readDictionary(namesText, besideText, peopleText)
	if err != nil {
		panic("classify: " + err.Error())
	}
	return d
}

func readDictionary(names, beside, people string) (*dictionary, error) {
	d := &dictionary{behind: map[string]bool{}, before: map[string]bool{}, people: map[string]bool{}}
	class := ""
	for line := range lines(names) {
		if strings.Contains(line, ".") {
			if class = line; About(class) == "" {
				return nil, fmt.Errorf("the names speak of %q, which is no class", class)
			}
			continue
		}
		p, err := readPhrase(line)
		if err != nil {
			return nil, err
		}
		p.class = class
		d.phrases = append(d.phrases, p)
	}
	// Longer phrases say more: "ip address" is no address.
	slices.SortStableFunc(d.phrases, func(a, b phrase) int { return len(b.words) - len(a.words) })
	for line := range lines(beside) {
		side, words, _ := strings.Cut(line, ":")
		to := map[string]map[string]bool{"behind": d.behind, "before": d.before}[side]
		if to == nil {
			return nil, fmt.Errorf("%q is neither behind nor before", side)
		}
		take(to, words)
	}
	for line := range lines(people) {
		take(d.people, line)
	}
	return d, nil
}

// lines are those of a text with something on them, comments left out.
func lines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}
}

func take(to map[string]bool, words string) {
	for _, word := range strings.Fields(words) {
		to[word] = true
	}
}

// readPhrase reads words and, behind a colon, their conditions.
func readPhrase(line string) (phrase, error) {
	words, conditions, _ := strings.Cut(line, ":")
	p := phrase{words: strings.Fields(words), strength: Likely, fits: texts}
	for _, condition := range strings.Fields(conditions) {
		switch condition {
		case "whole":
			p.whole = true
		case "person":
			p.person = true
		case "weak":
			p.strength = Weak
		case "number":
			p.fits |= numbers
		case "any":
			p.fits = anySort
		case "point":
			p.fits = places
		default:
			return p, fmt.Errorf("%q is no condition in %q", condition, line)
		}
	}
	if len(p.words) == 0 {
		return p, fmt.Errorf("%q has no words", line)
	}
	return p, nil
}
