package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// del (DEL) is the one control character that is no C0 code.
const del = 0x7f

// Bounds of sharing a lease.
const (
	maxShareFor      = 24 * time.Hour
	maxShareSessions = 1000
)

// leases reads which sessions get which credential.
func (r *reader) leases(entries []leaseEntry) []*leaseRule {
	if len(entries) > maxRules {
		r.errs.Addf(entries[maxRules].Position, "more than %d rules: let one rule name several databases or users", maxRules)
		return nil
	}
	rules := make([]*leaseRule, 0, len(entries))
	lines := map[string]int{}
	for i := range entries {
		entry := &entries[i]
		rule := r.lease(entry)
		if line, double := lines[rule.who.id]; double && rule.who.id != "" {
			r.errs.Addf(entry.ID.Position, "the id %q is taken by the lease rule on line %d", rule.who.id, line)
		}
		lines[rule.who.id] = entry.Line
		for _, early := range rules {
			if early.covers(rule) {
				r.errs.Addf(entry.Position, "lease rule %s is never met: %s on line %d has all its sessions and stands before it",
					rule.who.id, early.who.id, early.who.place.Line)
				break
			}
		}
		rules = append(rules, rule)
	}
	return rules
}

func (r *reader) lease(entry *leaseEntry) *leaseRule {
	position := r.source.At(entry.Position)
	out := &leaseRule{
		who: rule{
			id: entry.ID.Value, place: entry.Position, position: position, effect: Allow,
			databases: r.names(entry.Databases, "database"), users: r.names(entry.Users, "user"), groups: r.names(entry.Groups, "group"),
			methods: r.methods(entry.Methods), addresses: r.addresses(entry.Addresses),
		},
		purposes: r.purposes(entry),
		terms:    LeaseTerms{Rule: entry.ID.Value, Position: position, Role: entry.Role.Value, Group: entry.Group.Value},
	}
	r.declared(entry.Databases)
	if !identifier.MatchString(out.who.id) {
		r.errs.Addf(orElse(entry.ID.Position, entry.Position), "a lease rule needs an id made of %s", identifierWords)
	}
	r.leaseName(entry, entry.Role, "role: the Vault role that makes the login", func(c rune) bool { return c > ' ' && c != del })
	r.leaseName(entry, entry.Group, "group: the role of the database that sessions work as", func(c rune) bool { return c >= ' ' && c != del })
	r.share(entry.Share, &out.terms)
	r.emptyList(entry.Position, "databases", entry.Databases)
	r.emptyList(entry.Position, "users", entry.Users)
	r.emptyList(entry.Position, "groups", entry.Groups)
	r.emptyList(entry.Position, "addresses", entry.Addresses)
	r.emptyList(entry.Position, "methods", entry.Methods)
	return out
}

// leaseName checks a name that goes to Vault or to the database. Both know which
// names there are; what is refused here would only be hard to read.
func (r *reader) leaseName(entry *leaseEntry, name strictyaml.Text, what string, allowed func(rune) bool) {
	switch {
	case name.Value == "":
		r.errs.Addf(orElse(name.Position, entry.Position), "a lease rule needs a %s", what)
	case len(name.Value) > maxName || strings.ContainsFunc(name.Value, func(c rune) bool { return !allowed(c) }):
		r.errs.Addf(name.Position, "%q is no %s: at most %d bytes that can be printed", name.Value, what, maxName)
	}
}

func (r *reader) purposes(entry *leaseEntry) []string {
	if len(entry.Purposes) == 0 {
		r.errs.Addf(entry.Position, "a lease rule names its purposes: %s", strings.Join(purposeNames, ", "))
	}
	var purposes []string
	for _, text := range entry.Purposes {
		switch {
		case !slices.Contains(purposeNames, text.Value):
			r.errs.Addf(text.Position, "%q is no purpose%s", text.Value, orKnown(text.Value, purposeNames))
		case slices.Contains(purposes, text.Value):
			r.errs.Addf(text.Position, "%s stands twice in this list", text.Value)
		}
		purposes = append(purposes, text.Value)
	}
	return purposes
}

func (r *reader) share(entry *shareEntry, terms *LeaseTerms) {
	if entry == nil {
		return
	}
	span, err := parseSpan(entry.For.Value)
	if err != nil || span <= 0 || span > maxShareFor {
		r.errs.Addf(orElse(entry.For.Position, entry.Position), "share.for is a time span such as 10m, at most %s", maxShareFor)
	}
	sessions := 0
	if entry.Sessions != nil {
		sessions = *entry.Sessions
	}
	if sessions < 2 || sessions > maxShareSessions {
		r.errs.Addf(entry.Position, "share.sessions is how many sessions a lease may have at once, from 2 to %d", maxShareSessions)
	}
	terms.ShareFor, terms.ShareSessions = span, sessions
}

// covers reports whether every session of the other rule is one of r.
func (r *leaseRule) covers(other *leaseRule) bool {
	return !slices.ContainsFunc(other.purposes, func(p string) bool { return !slices.Contains(r.purposes, p) }) && r.who.covers(&other.who)
}
