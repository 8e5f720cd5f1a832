package proxy

import (
	"maps"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// A session says what it is for, and where it means to take data, by settings named
// sluice.*: at start-up, later by SET, or for one text by a comment at its beginning
// or end:
//
//	/* sluice: destination=analytics, reason=OPS-1 */ COPY ...
//
// These are claims. They are recorded, conditions of the policy may look at them, and
// refusals speak of them; what a statement does they never change.

const (
	// maxDeclared and maxDeclaredText bound what is kept of a session's claims:
	// how many, and bytes of each.
	maxDeclared     = 32
	maxDeclaredText = 1024
	declaredPrefix  = "sluice."
)

// claims are what a session has declared. Only fromClient uses them.
type claims struct {
	// set is what SET has made of what was declared at start-up; nil for that
	// itself.
	set policy.Declared
	// spoken is what the text that is judged says in a comment.
	spoken policy.Declared
}

// declaredNow is what the session declares for the text that is judged.
func (s *session) declaredNow() policy.Declared {
	base := policy.Declared(s.startup.declared)
	if s.claims.set != nil {
		base = s.claims.set
	}
	if s.claims.spoken == nil {
		return base
	}
	all := maps.Clone(base)
	if all == nil {
		all = policy.Declared{}
	}
	maps.Copy(all, s.claims.spoken)
	return all
}

// noteDeclared takes note of a statement that is about to be sent and sets what the
// session declares. Whether the server takes it back when the transaction fails is
// not looked at: it is a claim.
func (s *session) noteDeclared(st *statement.Statement) {
	for i := range st.Settings {
		set := &st.Settings[i]
		name, is := strings.CutPrefix(set.Name, declaredPrefix)
		if !is && set.Name != "*" {
			continue
		}
		if set.Name == "*" {
			s.claims.set = nil
			s.decided = memory{}
			continue
		}
		s.declare(name, set)
	}
}

func (s *session) declare(name string, set *statement.Setting) {
	next := maps.Clone(s.claims.set)
	if s.claims.set == nil {
		next = maps.Clone(policy.Declared(s.startup.declared))
	}
	if next == nil {
		next = policy.Declared{}
	}
	_, known := next[name]
	switch before, was := s.startup.declared[name]; {
	case set.Reset && was:
		next[name] = before
	case set.Reset, set.Unknown, len(set.Value) > maxDeclaredText:
		delete(next, name) // nobody can tell what is claimed
	case !known && len(next) >= maxDeclared:
	default:
		next[name] = set.Value
	}
	s.claims.set = next
	s.decided = memory{} // conditions may look at it
}

// declaredIn returns what a comment at the beginning or the end of a text declares,
// nil if there is none.
func declaredIn(text string) policy.Declared {
	text = strings.Trim(text, " \t\r\n;")
	if body, ok := strings.CutPrefix(text, "/*"); ok {
		if body, _, ok = strings.Cut(body, "*/"); ok {
			if d := declaredInComment(body); d != nil {
				return d
			}
		}
	}
	if body, ok := strings.CutSuffix(text, "*/"); ok {
		if at := strings.LastIndex(body, "/*"); at >= 0 {
			return declaredInComment(body[at+len("/*"):])
		}
	}
	return nil
}

// declaredInComment reads name=value, with commas between them, behind sluice:.
func declaredInComment(comment string) policy.Declared {
	list, is := strings.CutPrefix(strings.TrimSpace(comment), "sluice:")
	if !is || len(list) > maxDeclaredText {
		return nil
	}
	out := policy.Declared{}
	for member := range strings.SplitSeq(list, ",") {
		name, value, is := strings.Cut(member, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !is || !validSetting(name) || len(out) >= maxDeclared {
			return nil
		}
		if len(value) >= 2 && value[0] == '\'' && value[len(value)-1] == '\'' {
			value = value[1 : len(value)-1]
		}
		out[name] = strings.Clone(value) // the text is not kept
	}
	return out
}
