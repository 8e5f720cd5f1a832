package protection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// Subjects maps the roles of a server to the classes of people and programs
// that a policy knows, such as analyst or service. A pattern is one of
//
//	ana        the role of that name
//	svc_*      roles by their names: * stands for any characters, also none,
//	           and everything else for itself
//	+analysts  members of a role, directly or not, and the role itself
//
// The pattern +analysts lets whoever administers the place decide who is an
// analyst there; names do not.
//
// A role has the subject of the most exact pattern that matches it: its name
// before a pattern with a star, that before a membership. If two subjects match
// equally well it has none, since a doubt must not open anything.
type Subjects struct{ patterns []subjectPattern }

type subjectPattern struct {
	subject, text string
	kind          patternKind
}

type patternKind uint8

const (
	byRoleName patternKind = iota
	byGlob
	byMembership
)

// Bounds of what a policy may say about subjects.
const (
	mostPatterns  = 1000
	longestRole   = 63
	longestPrefix = 128
)

// The names that stand for no role.
const (
	// AnyoneName is the subject of PUBLIC: every role that exists or will.
	AnyoneName = "ANYONE"
	// unmapped begins the name of a role that has no subject.
	unmapped = "UNMAPPED:"
	// manyRoles stands for those that are not told apart.
	manyRoles = "*"
)

// ParseSubjects reads patterns by subject. Errors name the subject.
func ParseSubjects(subjects map[string][]string) (*Subjects, error) {
	s := &Subjects{}
	for subject, patterns := range subjects {
		if subject == "" || subject == AnyoneName || subject == SubscribersName || subject+":" == unmapped || strings.Contains(subject, ":") || len(subject) > longestPrefix {
			return nil, fmt.Errorf("protection: %q cannot be the name of readers", quote.Short(subject, maxName))
		}
		for _, text := range patterns {
			p, err := parsePattern(text)
			if err != nil {
				return nil, fmt.Errorf("protection: readers %s: %w", quote.Short(subject, maxName), err)
			}
			p.subject = subject
			s.patterns = append(s.patterns, p)
		}
	}
	if len(s.patterns) > mostPatterns {
		return nil, fmt.Errorf("protection: more than %d patterns of readers", mostPatterns)
	}
	return s, nil
}

func parsePattern(text string) (subjectPattern, error) {
	p := subjectPattern{text: text, kind: byRoleName}
	if group, found := strings.CutPrefix(text, "+"); found {
		p.text, p.kind = group, byMembership
	}
	switch star := strings.Contains(p.text, "*"); {
	case p.text == "":
		return p, fmt.Errorf("%q names no role", quote.Short(text, maxName))
	case strings.ContainsRune(p.text, 0) || len(p.text) > longestPrefix || !star && len(p.text) > longestRole:
		return p, fmt.Errorf("%q is no name of a role: PostgreSQL cuts them after %d bytes", quote.Short(text, maxName), longestRole)
	case strings.Contains(p.text, ".*") || strings.HasPrefix(p.text, "^"):
		return p, fmt.Errorf("%q looks like a regular expression; here * alone stands for any characters, as in svc_*", quote.Short(text, maxName))
	case star && p.kind == byMembership:
		return p, fmt.Errorf("%q: a group is named in full", quote.Short(text, maxName))
	case star:
		p.kind = byGlob
	}
	return p, nil
}

// Of tells the subject of a role that is a member of groups, directly or not.
func (s *Subjects) Of(role string, groups []string) (string, bool) {
	return s.first(func(p subjectPattern) bool {
		switch p.kind {
		case byRoleName:
			return p.text == role
		case byGlob:
			return globMatches(p.text, role)
		default:
			return p.text == role || slices.Contains(groups, p.text)
		}
	})
}

// Group tells the subject of a role that stands for its members, also those
// that do not exist yet: one that is named as +role.
func (s *Subjects) Group(role string) (string, bool) {
	return s.first(func(p subjectPattern) bool { return p.kind == byMembership && p.text == role })
}

// first is the subject of the most exact pattern that matches.
func (s *Subjects) first(matches func(subjectPattern) bool) (subject string, found bool) {
	if s == nil {
		return "", false
	}
	best := byMembership + 1
	for _, p := range s.patterns {
		if p.kind > best || !matches(p) {
			continue
		}
		switch {
		case p.kind < best:
			subject, found, best = p.subject, true, p.kind
		case p.subject != subject:
			found = false
		}
	}
	if !found {
		return "", false
	}
	return subject, true
}

// globMatches reports whether a name is what a pattern with stars says. It
// takes time in proportion to both lengths multiplied, at most.
func globMatches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	rest, found := strings.CutPrefix(name, parts[0])
	if !found {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, last)
}
