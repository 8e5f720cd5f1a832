package policy

import (
	"slices"
	"strings"
)

// classWord begins a class in a comment or a security label.
const classWord = "class:"

// ClassesInComment finds the classes that a comment gives: class:NAME as a
// word of its own, anywhere in it, as often as there are classes. It may stand
// in brackets and end a sentence; A to Z count as small letters. NoClass is
// listed as it stands. odd are words that begin so and name no class, such as
// class:mail; "class: " before a blank is prose.
func ClassesInComment(comment string) (classes, odd []string) {
	for _, word := range strings.FieldsFunc(comment, betweenWords) {
		name, found := strings.CutPrefix(folded(word), classWord)
		if !found || name == "" {
			continue
		}
		name = strings.TrimRight(name, ".!?:")
		switch {
		case name != NoClass && !className.MatchString(name):
			odd = append(odd, word)
		case !slices.Contains(classes, name):
			classes = append(classes, name)
		}
	}
	return classes, odd
}

// betweenWords parts the words of a comment.
func betweenWords(r rune) bool {
	return r <= ' ' || strings.ContainsRune(",;()[]{}<>|\"'`\u00a0\u2028\u2029", r)
}

// ClassesInLabel finds the classes that a security label gives: as in a
// comment, or the label is nothing but a class.
func ClassesInLabel(label string) (classes, odd []string) {
	if name := strings.TrimSpace(label); className.MatchString(name) {
		return []string{name}, nil
	}
	return ClassesInComment(label)
}
