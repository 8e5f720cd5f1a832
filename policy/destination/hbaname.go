package destination

import (
	"regexp"
	"strings"
)

// expressionsSince is the version from which a name that begins with a slash is
// a regular expression, quoted or not.
const expressionsSince = 160000

// matchesName compares a name or regular expression of a rule with a name.
func (h *HBA) matchesName(word, name string) matched {
	if h.Version < expressionsSince || !strings.HasPrefix(word, "/") {
		if word == name {
			return matched{answer: yes}
		}
		return matched{answer: no}
	}
	e := plainExpression(word[1:])
	switch {
	case e == nil || !ascii(name):
		return matched{maybe, "the regular expression " + Clean(word) + " is PostgreSQL's to read"}
	case e.MatchString(name):
		return matched{answer: yes}
	}
	return matched{answer: no}
}

// plainExpression compiles an expression if PostgreSQL's regular expressions
// and Go's must agree on what it matches: letters, digits, anchors, dots, simple
// repetition, alternatives, groups and simple classes. Otherwise it is nil.
func plainExpression(text string) *regexp.Regexp {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-@ ^$.*+?|()[]"
	if len(text) > 256 || strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(plain, r) }) >= 0 {
		return nil
	}
	for _, odd := range []string{"(?", "**", "*+", "++", "+*", "?+", "?*", "??", "+?", "*?", "***", "()", "(|", "||", "|)", "[[", "[^]", "[]", "^*", "^+", "^?", "-]", "[-", "--", "[.", "(*", "(+", "|*", "|+", "$*", "$+", "$?"} {
		if strings.Contains(text, odd) {
			return nil
		}
	}
	e, err := regexp.Compile("(?s)" + text)
	if err != nil {
		return nil
	}
	return e
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
