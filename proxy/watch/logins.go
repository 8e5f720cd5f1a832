package watch

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// stranger is a login that works for Sluice, or looks like it, and that Sluice has
// no lease of.
type stranger struct {
	name string
	// in is the role made for Sluice that it is a member of, empty if only its name
	// is like one of Sluice's.
	in string
}

// longestPending is how long a login that is being issued, or that an earlier run
// has left, is no stranger.
const longestPending = time.Minute

// Names of logins end with something random: in Vault's default template 20
// characters and a time, in that of examples/vault 8 characters, in those of the
// built-in issuer 16.
var (
	vaultTail   = regexp.MustCompile(`^(v-.+-)[A-Za-z0-9]{20}-[0-9]{10}$`)
	exampleTail = regexp.MustCompile(`^(sluice_.+_)[a-z0-9]{8}$`)
	builtinTail = regexp.MustCompile(`^(sluice_.+_)[a-z2-7]{16}$`)
)

// formOf is how the names of such logins begin, empty if that cannot be told.
func formOf(name string) string {
	for _, tail := range []*regexp.Regexp{vaultTail, exampleTail, builtinTail} {
		if m := tail.FindStringSubmatch(name); m != nil {
			return m[1]
		}
	}
	return ""
}

// learn notes how the names of the proxy's own logins begin. The built-in issuer
// puts the name of a person into those that load, which sessions of that person
// have too; so of its names only that of the watch's own counts.
func (l *looker) learn(logins Logins) {
	for name := range logins.Live {
		if strings.HasPrefix(name, "v-") || name == logins.Own {
			if form := formOf(name); form != "" {
				l.forms[form] = true
			}
		}
	}
}

// logins asks for strangers.
func (l *looker) logins(ctx context.Context, q catalog.Querier, def *policy.PlaceDef, logins Logins, g *glance) error {
	l.learn(logins)
	g.strangers = nil
	r := def.Roles
	err := q.Query(ctx, sqlStrangers(r.Owner, r.Probe, r.Carrier, r.Reactor), func(row [][]byte) error {
		g.strangers = append(g.strangers, stranger{string(row[0]), string(row[1])})
		return nil
	})
	if err != nil || len(l.forms) == 0 {
		return err
	}
	return q.Query(ctx, sqlNamed(sorted(l.forms)), func(row [][]byte) error {
		g.strangers = append(g.strangers, stranger{name: string(row[0])})
		return nil
	})
}

// sift leaves those that nobody has a lease of, and that were not told of before.
// A login was the proxy's own if it was so before or after the question; one that
// is being issued may be, if that had begun before it was first seen. whole is true
// if all logins were asked for.
func (l *looker) sift(all []stranger, before, after Logins, now time.Time, whole bool) (out []stranger) {
	seen := map[string]bool{}
	for _, s := range all {
		if before.Live[s.name] || after.Live[s.name] {
			continue
		}
		seen[s.name] = true
		first, known := l.strange[s.name]
		if !known {
			first = now
			l.strange[s.name] = now
		}
		pending := !after.Pending.IsZero() && !after.Pending.After(first) && now.Sub(first) < longestPending
		if pending || l.alarmed[s.name] {
			continue
		}
		l.alarmed[s.name] = true
		out = append(out, s)
	}
	for name := range l.strange {
		if whole && !seen[name] {
			delete(l.strange, name)
			delete(l.alarmed, name)
		}
	}
	return out
}

// String is the stranger in a sentence.
func (s stranger) String() string {
	if s.in == "" {
		return "the login " + Clean(s.name) + " has a name like those that Sluice is given, and Sluice has no lease of it"
	}
	return "the login " + Clean(s.name) + " is a member of " + Clean(s.in) + ", and Sluice has no lease of it"
}
