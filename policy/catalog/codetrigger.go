package catalog

import (
	"slices"
	"strings"
)

// MovesOfRow reports whether the body of a trigger function could put the value
// of a column of its row anywhere else: only if it names the column, or uses NEW
// or OLD as a whole other than to return it. A body that cannot be read could.
func (f *Function) MovesOfRow(column string) bool {
	body := strings.ToLower(f.Body)
	return f.Language != "plpgsql" || body == "" || strings.Contains(body, strings.ToLower(column)) || strings.Contains(body, `u&"`) || usesRow(body)
}

// usesRow reports whether a body in small letters uses new or old as a whole.
func usesRow(body string) bool {
	before := ""
	for len(body) > 0 {
		n := 0
		for n < len(body) && wordByte(body[n]) {
			n++
		}
		if n == 0 {
			if body[0] > ' ' {
				before = ""
			}
			body = body[1:]
			continue
		}
		word, rest := body[:n], body[n:]
		if (word == "new" || word == "old") && before != "return" && (!strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, ".*")) {
			return true
		}
		if (word == "new" || word == "old") && before == "return" && !strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n"), ";") {
			return true
		}
		before, body = word, rest
	}
	return false
}

// wordByte is part of a name or a key word.
func wordByte(b byte) bool {
	return b == '_' || b == '$' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 0x80
}

// RowsOf are the relations whose rows a trigger function gets when some are
// written: those among them, and those that their rows go to, which have it as a
// trigger.
func (s *Snapshot) RowsOf(function OID, written []OID) (of []OID) {
	next := func(oid OID) (out []OID) {
		rel := s.relations[oid]
		if rel == nil {
			return nil
		}
		out = append(out, rel.Children...)
		for _, used := range rel.Uses {
			out = append(out, used.Relation)
		}
		return out
	}
	for _, oid := range written {
		for _, at := range append(follow(oid, next), oid) {
			rel := s.relations[at]
			if rel == nil || slices.Contains(of, at) {
				continue
			}
			if slices.ContainsFunc(rel.Triggers, func(t Trigger) bool { return t.Function == function && t.Enabled != 'D' }) {
				of = append(of, at)
			}
		}
	}
	return of
}
