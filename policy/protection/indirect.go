package protection

import (
	"regexp"
	"slices"
	"strings"
)

// invokes reads the option security_invoker of a view (15+), whose value may be
// written in any way that a boolean can.
func invokes(options []string) bool {
	for _, option := range options {
		if value, found := strings.CutPrefix(option, "security_invoker="); found {
			value = strings.ToLower(value)
			return value == "on" || value == "1" || value != "" && (strings.HasPrefix("true", value) || strings.HasPrefix("yes", value))
		}
	}
	return false
}

// views finds the views and materialized views through which columns can be
// read with the rights of the view's owner. A security_invoker view is no way:
// what it reads, the reader must be allowed to read, also when another view
// stands before it.
func (v *survey) views() {
	queue := v.inOrder()
	for ; len(queue) > 0; queue = queue[1:] {
		c := queue[0]
		for _, u := range c.usedBy {
			if !u.view || u.by.Kind == 'v' && (u.by.invoker || !v.ownerReads(u.by.owner, c.Relation)) {
				continue
			}
			if v.shows(u, c) {
				queue = append(queue, v.carriers[u.by])
			}
		}
	}
}

// shows notes that a view shows columns of a carrier, and reports whether that
// is news.
func (v *survey) shows(u use, c *carrier) bool {
	on := v.carriers[u.by]
	if on == nil {
		on = &carrier{Relation: u.by, kin: c.kin, view: true, columns: map[int]bool{}}
		v.carriers[u.by] = on
	}
	before := len(on.columns)
	for _, number := range u.columns {
		at := c.list()
		if number != 0 {
			at = c.shownBy(c.at(number))
		}
		for _, column := range at {
			on.columns[column] = true
		}
	}
	return len(on.columns) > before
}

// ownerReads reports whether the owner of a view may read anything of a
// relation: the schema does not matter, since views know relations by OID.
func (s *Server) ownerReads(owner oid, rel *Relation) bool {
	r := s.byOID[owner]
	if r == nil {
		return true // who that is cannot be told
	}
	if r.super || s.hasNamed(r, readAllData) || s.has(r, rel.owner) {
		return true
	}
	if _, ok := s.allows(r, rel.rights.given(rel.owner, selects, 0), selects); ok {
		return true
	}
	return slices.ContainsFunc(rel.columnRights, func(c columnRights) bool {
		_, ok := s.allows(r, c.list, selects)
		return ok
	})
}

// definers finds functions through which columns can be read with the rights
// of their owners. Whether a body that is a text reads the relation cannot be
// told, so it counts as soon as its owner could, be it by another such function.
func (v *survey) definers() {
	counted := map[*function]bool{}
	reads := map[oid]bool{}
	for found := true; found; {
		found = false
		for _, f := range v.functions {
			if !f.definer || counted[f] || !v.couldRead(f.owner, reads) {
				continue
			}
			if f.atomic && len(v.used(f)) == 0 {
				continue
			}
			counted[f], found = true, true
			v.definer(f, reads)
		}
	}
}

// couldRead reports whether the owner of a function can read the relation in
// any way. reads has those who can through functions that were found so far.
func (v *survey) couldRead(owner oid, reads map[oid]bool) bool {
	r := v.byOID[owner]
	if r == nil || r.super || r.replication || reads[owner] {
		return true
	}
	for _, name := range beneath {
		if v.hasNamed(r, name) {
			return true
		}
	}
	for rel := range v.carriers {
		if v.ownerReads(owner, rel) {
			return true
		}
	}
	return false
}

// used lists the columns that a body of SQL reads, as the dependencies say.
func (v *survey) used(f *function) (at []int) {
	for _, u := range f.uses {
		c := v.carriers[u.relation]
		if c == nil {
			continue
		}
		for _, number := range u.columns {
			shown := c.list()
			if number != 0 {
				shown = c.shownBy(c.at(number))
			}
			at = append(at, shown...)
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// definer adds what a function shows to those who may execute it, and notes
// owners of functions among them.
func (v *survey) definer(f *function, reads map[oid]bool) {
	c := capability{rows: allRows, path: Path{Way: ByPossibleFunction, Relation: v.relation.String(), Object: f.signature()}}
	if f.atomic {
		c.at, c.path.Way = v.used(f), ByFunction
	} else {
		c.at = v.carriers[v.relation].list()
		if v.mentions(f) {
			c.path.Way = ByFunction
		}
	}
	v.identities(func(r *role) {
		if r.super || !f.referred && !v.mayUse(r, f.in) {
			return
		}
		if grantee, ok := v.mayExecute(r, f); ok {
			c.path.Grantee = v.nameOf(grantee)
			v.add(r, c)
			reads[r.oid] = true
		}
	})
}

// mentions reports whether the text of a function has the name of the
// relation, or of one that shows it, as a word.
func (v *survey) mentions(f *function) bool {
	for rel := range v.carriers {
		word := regexp.MustCompile(`(?i)(^|[^\pL\pN_])` + regexp.QuoteMeta(rel.Name) + `($|[^\pL\pN_])`)
		if word.MatchString(f.source) {
			return true
		}
	}
	return false
}

// publications finds those that send the relation to other servers. Rows of a
// partition go with those of its ancestors, and the other way round.
func (v *survey) publications() {
	for _, p := range v.Server.publications {
		for _, c := range v.inOrder() {
			if c.view || c.Kind != 'r' && c.Kind != 'p' {
				continue
			}
			table, named := p.tables[c.oid]
			if !named && !p.all && !p.schemas[c.in.oid] {
				continue
			}
			v.readers = append(v.readers, v.subscribers(p, c, table))
		}
	}
}

func (v *survey) subscribers(p *publication, c *carrier, table published) Reader {
	r := Reader{Role: SubscribersName, Effort: BeneathSQL, rows: allRows, at: c.list(),
		Path: Path{Way: ByPublication, Kin: c.kin, Relation: c.String(), Object: quoted(p.name)}}
	if table.columns != nil {
		r.at = slices.DeleteFunc(r.at, func(at int) bool { return !slices.Contains(table.columns, c.numbers[c.shows[at]]) })
	}
	if table.filter != "" {
		r.rows = rows{extent: SomeRows, any: []condition{{text: table.filter}}}
	}
	r.Columns = v.names(r.at)
	return r
}

func (v *survey) names(at []int) []string {
	names := make([]string, len(at))
	for i, column := range at {
		names[i] = v.relation.Columns[column]
	}
	return names
}
