package script

import "strings"

const ignoreWord = "sluice-ignore"

// note reads a -- comment: a marker of goose or dbmate, or a word to
// sluice check. It returns atSemicolon if the marker ends a statement.
func (s *source) note(comment string, alone bool) stop {
	text := strings.TrimSpace(strings.TrimLeft(comment, "-"))
	switch {
	case strings.HasPrefix(text, "+goose"):
		return s.goose(strings.Fields(text)[1:])
	case text == "migrate:up" || strings.HasPrefix(text, "migrate:up "):
		s.section = "up"
	case text == "migrate:down" || strings.HasPrefix(text, "migrate:down "):
		s.section = "down"
	case strings.HasPrefix(text, ignoreWord):
		s.ignore(strings.TrimPrefix(text, ignoreWord), alone && !s.lex.begun)
	}
	return atEnd
}

// goose reads a marker of goose: Up and Down begin a section, what stands
// between StatementBegin and StatementEnd is one text.
func (s *source) goose(words []string) stop {
	if len(words) == 0 {
		return atEnd
	}
	switch strings.ToLower(words[0]) {
	case "up", "down":
		s.section = strings.ToLower(words[0])
	case "statementbegin":
		s.held = true
	case "statementend":
		held := s.held
		s.held = false
		if held && !s.query.empty() {
			s.wasHeld = true
			s.endOfStatement()
			s.lex.parens, s.lex.begins = 0, 0
			return atSemicolon
		}
	}
	return atEnd
}

// ignore reads "RULE: reason". The first colon followed by a space parts them:
// the names of built-in rules have a colon of their own.
func (s *source) ignore(text string, before bool) {
	if !before {
		s.fail(s.errorf("a %s comment stands before its statement, on a line of its own", ignoreWord))
		return
	}
	rule, reason, _ := strings.Cut(text, ": ")
	rule, reason = strings.TrimSpace(rule), strings.TrimSpace(reason)
	if rule == "" || reason == "" || strings.ContainsAny(rule, " \t") {
		s.fail(s.errorf("a %s comment needs a rule and a reason: -- %s RULE: reason", ignoreWord, ignoreWord))
		return
	}
	s.ignores = append(s.ignores, Ignore{Rule: rule, Reason: reason, Line: s.at.number})
}
