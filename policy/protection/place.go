package protection

import (
	"fmt"
	"slices"
	"strings"
)

// Place says what a server's roles are to a policy.
type Place struct {
	// Name is the place's own for as long as it exists, such as its system
	// identifier and database: conditions that look at code or rows of the
	// place are the same only there. Without a name they are the same nowhere.
	Name string
	// Subjects maps its roles; without it, none has a subject.
	Subjects *Subjects
	// Entry is the weakest way in for a role; "" asks for a role that does
	// not exist yet. Without the function nothing is known.
	Entry func(role string) Entry
	// Ours says of which logins the proxy holds the lease.
	Ours func(role string) bool
	// Harmless says which functions a policy calls harmless, by their
	// signature as SQL writes it: schema.name(types). Only a destination asks.
	Harmless func(function string) bool
	// Holds is which rows of the origin the copy holds, if those are not all
	// of them because whoever read them was under row security.
	Holds *Scope
}

// Origin is what a column of a relation is made of.
type Origin struct {
	// Column is the column at the origin, such as public.users.email.
	Column string
	// Masked says how strongly it is masked: 0 not at all, Gone if nothing of
	// the value is left, in between what the policy states.
	Masked int
}

// Gone is the strength of a mask that leaves nothing, InPart that of one that leaves
// something.
const (
	InPart = 50
	Gone   = 100
)

// Lineage maps columns of a relation to what they are made of, several if
// there are, none for one that holds nothing of the origin. A column that is
// not in it stands for itself at a source. At a destination it may be made of
// anything that was copied, as a generated column is; without a Lineage at all
// it stands for itself there, too.
type Lineage map[string][]Origin

// ColumnName is how columns at the origin are called unless a lineage says it
// otherwise.
func ColumnName(schema, relation, column string) string { return quoted(schema, relation, column) }

// Source are the facts about a relation where data comes from. They claim no
// more than is sure: reading takes SET ROLE at most, by rights to the relation
// itself, and of all the rows that row security leaves.
func Source(s *Server, r *Relation, p Place, l Lineage) *Facts {
	b := builder{server: s, relation: r, place: p, lineage: l, source: true}
	return b.build()
}

// Destination are the facts about a relation where data is or would be. They
// leave out nothing that could be: every effort, views, functions, ancestors and
// parts, and what only might be.
func Destination(s *Server, r *Relation, p Place, l Lineage) *Facts {
	b := builder{server: s, relation: r, place: p, lineage: l}
	return b.build()
}

// builder makes facts of readers.
type builder struct {
	server   *Server
	relation *Relation
	place    Place
	lineage  Lineage
	source   bool
	facts    Facts
	index    map[factKey]int
	who      map[string]person
	// strangers counts roles without a subject.
	strangers int
	scopes    map[string]Scope
}

// person is what a role is to the policy.
type person struct {
	subject       string
	ours, skipped bool
	entry         Entry
}

// factKey is a fact without its ways.
type factKey struct {
	subject, column, scope    string
	masked                    int
	effort                    Effort
	authentication, transport int
}

func (b *builder) build() *Facts {
	b.facts.Conditions = map[string]string{}
	if b.place.Name == "" {
		b.place.Name = fmt.Sprintf("unnamed, source %t", b.source)
	}
	b.index, b.who, b.scopes = map[factKey]int{}, map[string]person{}, map[string]Scope{}
	readers, unknown := b.server.Readers(b.relation)
	for i := range readers {
		if b.counts(&readers[i]) {
			b.reader(&readers[i])
		}
	}
	if !b.source {
		b.facts.Unknown = append(b.facts.Unknown, unknown...)
		b.passers()
	}
	b.facts.settle()
	return &b.facts
}

// counts reports whether a reader counts on this side.
func (b *builder) counts(r *Reader) bool {
	if b.source {
		return r.Effort <= AfterSetRole && r.Whole && !r.Latent
	}
	function := r.Path.Way == ByFunction || r.Path.Way == ByPossibleFunction
	return !(function && b.place.Harmless != nil && b.place.Harmless(r.Path.Object))
}

func (b *builder) reader(r *Reader) {
	p, known := b.who[r.Role]
	if !known {
		p = b.person(r)
		b.who[r.Role] = p
	}
	if p.ours {
		b.facts.Ours = append(b.facts.Ours, r.Role)
	}
	if p.skipped {
		return
	}
	scope := b.scope(r)
	for _, column := range r.Columns {
		for _, origin := range b.origins(column) {
			if origin.Masked >= Gone {
				continue
			}
			b.add(Fact{Subject: p.subject, Column: origin.Column, Masked: origin.Masked, Scope: scope, Effort: r.Effort,
				Authentication: p.entry.Authentication, Transport: p.entry.Transport}, way{r, b.relation, b.server, column})
		}
	}
}

// person says what a role is to the policy, and how it gets in.
func (b *builder) person(r *Reader) person {
	var p person
	switch role := b.server.byName[r.Role]; {
	case r.Role == SubscribersName:
		return person{subject: SubscribersName, entry: Entry{NoEntry, VerifiedTLS, true}}
	case r.Role == anyoneName:
		p.subject = AnyoneName
	case r.group:
		subject, known := b.place.Subjects.Group(r.Role)
		p.subject, p.skipped = subject, !known
	case b.place.Ours != nil && b.place.Ours(r.Role):
		p.ours, p.skipped = true, true
	default:
		subject, known := b.place.Subjects.Of(r.Role, role.groups())
		if !known {
			subject = b.unmapped(r.Role)
		}
		p.subject, p.skipped = subject, !known && b.source
	}
	if p.skipped {
		return p
	}
	p.entry = b.entry(r.Role)
	p.skipped = b.source && p.entry.Authentication >= NoEntry // whoever cannot get in reads nothing
	return p
}

// mostUnmapped is how many roles without a subject are told apart. Each is a
// deficit, so the verdict is the same if the rest is taken together.
const mostUnmapped = 200

func (b *builder) unmapped(role string) string {
	if b.strangers++; b.strangers > mostUnmapped {
		return unmapped + manyRoles
	}
	return unmapped + role
}

// entry is how a role gets in. What is not known is the best at a source and
// the worst at a destination, which also says that it is not known.
func (b *builder) entry(role string) Entry {
	var e Entry
	if role == anyoneName {
		role = ""
	}
	if b.place.Entry != nil {
		e = b.place.Entry(role)
	}
	switch {
	case e.Known:
		e.Authentication, e.Transport = min(max(e.Authentication, 0), mostOfGrades), min(max(e.Transport, 0), mostOfGrades)
		return e
	case b.source:
		return Entry{Authentication: strongest, Transport: VerifiedTLS}
	}
	who := quoted(role)
	switch {
	case b.place.Entry == nil:
		who = "anybody"
	case role == "":
		who = "a new role"
	}
	b.facts.Unknown = append(b.facts.Unknown, Unknown{Code: UnknownEntry, Object: who, Text: fmt.Sprintf("how %s gets in was not measured", who)})
	return Entry{}
}

// scope is which rows of the origin a reader sees.
func (b *builder) scope(r *Reader) Scope {
	seen := r.rows
	if !r.Whole && r.Path.Way != ByPublication {
		seen = allRows
	}
	key := fmt.Sprint(seen)
	s, known := b.scopes[key]
	if !known {
		s = seen.scope(b.relation.Columns, b.column, b.place.Name)
		for _, c := range append(slices.Clone(seen.any), seen.every...) {
			b.facts.Conditions[c.digest(b.relation.Columns, b.column, b.place.Name)] = c.words()
		}
		if s.Extent == AllRows && b.place.Holds != nil && !b.source {
			s = *b.place.Holds
		}
		b.scopes[key] = s
	}
	return s
}

// column is the name of a column at the origin, for conditions: the last part
// of a name that is made of one column as it is.
func (b *builder) column(name string) (string, bool) {
	origins := b.origins(name)
	if len(origins) != 1 || origins[0].Masked != 0 {
		return "", false
	}
	return lastPart(origins[0].Column), true
}

// lastPart is what stands behind the last dot of a name, without quotes.
func lastPart(name string) string {
	if !strings.HasSuffix(name, `"`) {
		return name[strings.LastIndexByte(name, '.')+1:]
	}
	tokens := conditionTokens(name)
	return unquoted(tokens[len(tokens)-1])
}

func (b *builder) origins(column string) []Origin {
	if origins, known := b.lineage[column]; known {
		return origins
	}
	if b.source || b.lineage == nil {
		return []Origin{{Column: ColumnName(b.relation.Schema, b.relation.Name, column)}}
	}
	return b.anything()
}

// anything are all origins that a copy has.
func (b *builder) anything() (all []Origin) {
	for _, origins := range b.lineage {
		all = append(all, origins...)
	}
	return all
}

// mostWays is how many ways are kept for one fact, for explanations.
const mostWays = 8

func (b *builder) add(f Fact, w way) {
	key := factKey{f.Subject, f.Column, fmt.Sprint(f.Scope), f.Masked, f.Effort, f.Authentication, f.Transport}
	at, known := b.index[key]
	if !known {
		at = len(b.facts.Facts)
		b.index[key] = at
		b.facts.Facts = append(b.facts.Facts, f)
	}
	if ways := b.facts.Facts[at].ways; len(ways) < mostWays {
		b.facts.Facts[at].ways = append(slices.Clip(ways), w)
	}
}

// passers remarks on those who may pass on what they read.
func (b *builder) passers() {
	rel := b.relation
	note := func(list []right) {
		for _, g := range list {
			if g.passes&selects != 0 && g.grantee != rel.owner {
				b.facts.Remarks = append(b.facts.Remarks, fmt.Sprintf("%s may grant SELECT on %s to others (REVOKE GRANT OPTION FOR SELECT ON %s FROM %s)",
					quoted(b.server.nameOf(g.grantee)), rel, rel, quoted(b.server.nameOf(g.grantee))))
			}
		}
	}
	note(rel.rights.list)
	for _, c := range rel.columnRights {
		note(c.list)
	}
}
