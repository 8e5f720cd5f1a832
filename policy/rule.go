package policy

import (
	"net/netip"
	"slices"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// rule is one rule, ready to be matched. An empty list matches anything.
type rule struct {
	id        string
	place     strictyaml.Position
	position  string // file:line:column
	effect    Verdict
	mode      Mode
	kinds     kindSet
	relations []pattern
	functions []pattern
	databases []string
	users     []string
	addresses []netip.Prefix
	methods   []string
	groups    []string
	classes   []classPattern
	// destinations are names of places.
	destinations []string
	when         *condition.Condition
	limits       limitSet
	message      string
	link         string
	owner        string
	// unclassified is true if a mask rule lets out what has no class.
	unclassified bool

	limitsPosition string // file:line:column
}

// forSession reports whether the rule speaks about a session at all. If
// the client's address cannot be read, deny rules about addresses apply and
// allow rules do not.
func (r *rule) forSession(identity Identity, session Session, addr netip.Addr) bool {
	return r.otherSession(identity, session, addr) == ""
}

// otherSession names the key by which the rule speaks about other sessions
// than this one, "" if it speaks about this one.
func (r *rule) otherSession(identity Identity, session Session, addr netip.Addr) string {
	switch {
	case len(r.databases) > 0 && !slices.Contains(r.databases, session.Database):
		return "databases"
	case len(r.users) > 0 && !slices.Contains(r.users, identity.User):
		return "users"
	case len(r.methods) > 0 && !slices.Contains(r.methods, identity.Method):
		return "methods"
	case len(r.groups) > 0 && !slices.ContainsFunc(identity.Groups, func(g string) bool { return slices.Contains(r.groups, g) }):
		return "groups"
	case len(r.addresses) == 0, !addr.IsValid() && r.effect == Deny:
		return ""
	case !addr.IsValid(), !slices.ContainsFunc(r.addresses, func(p netip.Prefix) bool { return p.Contains(addr) }):
		return "addresses"
	}
	return ""
}

// met is what a rule met in a statement.
type met struct {
	relation *statement.Relation
	column   *columnEntry
	// failed is set if the rule's condition could not be evaluated.
	failed error
}

// denies reports whether a deny rule matches a statement, and what it met.
// It matches whatever might be meant.
func (r *rule) denies(c *ruling) (met, bool) {
	if !slices.ContainsFunc(c.st.Effects, func(e statement.Effect) bool { return r.kinds.has(e.Kind) }) {
		return met{}, false
	}
	return r.reaches(c)
}

// mayReach reports whether a statement might be what the rule is about.
func (r *rule) mayReach(c *ruling) bool {
	_, may := r.reaches(c)
	return may
}

// reaches is denies without regard to kinds.
func (r *rule) reaches(c *ruling) (met, bool) {
	if len(r.functions) > 0 && !r.reachesFunction(c.st) {
		return met{}, false
	}
	relation, may := r.reachesRelation(c)
	if !may || !r.mayGoTo(c) {
		return met{}, false
	}
	out := met{relation: relation}
	if len(r.classes) > 0 {
		if out.column, may = r.meetsClasses(c.touch()); !may {
			return met{}, false
		}
	}
	holds, err := c.holds(r)
	out.failed = err
	return out, holds || err != nil
}

// reachesRelation looks at the relations that the statement names, and at those
// that the catalog says are beneath them.
func (r *rule) reachesRelation(c *ruling) (*statement.Relation, bool) {
	if len(r.relations) == 0 {
		return nil, true
	}
	for i := range c.st.Relations {
		named := &c.st.Relations[i]
		if matchesAny(r.relations, named.Schema, named.Name, pattern.couldBe) {
			return named, true
		}
	}
	if f := c.fact(); f != nil {
		for _, b := range f.Beneath {
			if matchesAny(r.relations, b.Schema, b.Name, pattern.couldBe) {
				return &statement.Relation{Schema: b.Schema, Name: b.Name, Access: statement.Read, Position: -1}, true
			}
		}
	}
	return nil, reachesUnnamed(c.st)
}

func (r *rule) reachesFunction(st *statement.Statement) bool {
	for _, f := range st.Functions {
		if matchesAny(r.functions, f.Schema, f.Name, pattern.couldBe) {
			return true
		}
	}
	return hasOpaque(st)
}

// mismatch says why a rule that gives leave does not match an effect.
type mismatch uint8

const (
	matches mismatch = iota
	otherKind
	otherFunction
	functionReads
	otherRelation
	bareRelation
	otherClass
	otherDestination
	otherCondition
	failedCondition
)

// allows reports whether a rule that gives leave matches an effect of a
// statement, and if not, why, with the relation that is in the way. It matches only
// what is surely meant.
func (r *rule) allows(c *ruling, effect statement.Effect) (mismatch, *statement.Relation) {
	if !r.kinds.has(effect.Kind) {
		return otherKind, nil
	}
	called, byFunction := causedBy(c.st, effect)
	if len(r.functions) > 0 && !(byFunction && r.allowsFunction(c.st, called)) {
		return otherFunction, nil
	}
	if why, relation := r.allowsRelations(c.st, byFunction); why != matches {
		return why, relation
	}
	if len(r.classes) > 0 && !r.onlyClasses(c.st, c.touch()) {
		return otherClass, nil
	}
	if !r.goesOnlyTo(c) {
		return otherDestination, nil
	}
	holds, err := c.holds(r)
	switch {
	case err != nil:
		return failedCondition, nil
	case !holds:
		return otherCondition, nil
	}
	return matches, nil
}

func (r *rule) allowsRelations(st *statement.Statement, byFunction bool) (mismatch, *statement.Relation) {
	if len(r.relations) == 0 {
		return matches, nil
	}
	if byFunction && len(r.functions) == 0 {
		return functionReads, nil
	}
	if len(st.Relations) == 0 {
		return otherRelation, nil
	}
	for i := range st.Relations {
		named := &st.Relations[i]
		if matchesAny(r.relations, named.Schema, named.Name, pattern.is) {
			continue
		}
		if named.Schema == "" && matchesAny(r.relations, "", named.Name, pattern.couldBe) {
			return bareRelation, named
		}
		return otherRelation, named
	}
	return matches, nil
}

func matchesAny(patterns []pattern, schema, name string, match func(pattern, string, string) bool) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return match(p, schema, name) })
}

// covers reports whether r matches every statement that other matches. What
// a condition lets through is not known, so a rule with one covers nothing.
func (r *rule) covers(other *rule) bool {
	return r.when == nil && r.kinds&other.kinds == other.kinds &&
		coversAll(r.databases, other.databases, func(a, b string) bool { return a == b }) &&
		coversAll(r.users, other.users, func(a, b string) bool { return a == b }) &&
		coversAll(r.methods, other.methods, func(a, b string) bool { return a == b }) &&
		coversAll(r.groups, other.groups, func(a, b string) bool { return a == b }) &&
		coversAll(r.addresses, other.addresses, coversPrefix) &&
		coversAll(r.functions, other.functions, pattern.covers) &&
		coversAll(r.classes, other.classes, classPattern.covers) &&
		coversAll(r.destinations, other.destinations, func(a, b string) bool { return a == b }) &&
		coversAll(r.relations, other.relations, pattern.covers)
}

// coversAll reports whether each entry of the second list is covered by one
// of the first. An empty list stands for everything.
func coversAll[T any](wide, narrow []T, covers func(T, T) bool) bool {
	if len(wide) == 0 {
		return true
	}
	if len(narrow) == 0 {
		return false
	}
	for _, n := range narrow {
		if !slices.ContainsFunc(wide, func(w T) bool { return covers(w, n) }) {
			return false
		}
	}
	return true
}

func coversPrefix(wide, narrow netip.Prefix) bool {
	return wide.Bits() <= narrow.Bits() && wide.Contains(narrow.Addr())
}

// unreachable reports the rules that can never decide anything because
// another one always decides before them. Rules that only watch are always
// of use.
func (r *reader) unreachable(rules []*rule) {
	for i, late := range rules {
		for j, early := range rules {
			wins := early.effect == Deny && late.effect != Deny || (early.effect == Deny) == (late.effect == Deny) && j < i
			if i == j || !wins || !early.acts() || !late.acts() || !early.covers(late) {
				continue
			}
			why := "stands before it"
			if early.effect == Deny && late.effect != Deny {
				why = "denies, and deny rules win wherever they stand"
			}
			r.errs.Addf(late.place, "rule %s never decides anything: rule %s on line %d matches all it matches and %s",
				late.id, early.id, early.place.Line, why)
			break
		}
	}
}
