package protection

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// capability is what somebody can read once they are an identity.
type capability struct {
	at     []int // columns of the relation asked about
	rows   rows
	effort Effort
	path   Path
	whole  bool
}

// SubscribersName stands for whoever receives a publication: other servers,
// and all who can read there.
const SubscribersName = "SUBSCRIBERS"

// survey collects who can read one relation.
type survey struct {
	*Server
	relation *Relation
	// carriers are relations that show columns of the relation asked about.
	carriers map[*Relation]*carrier
	can      map[*role][]capability
	readers  []Reader
	unknowns map[Unknown]bool
	texts    map[Unknown]string
}

// carrier is a relation that shows columns of the one asked about.
type carrier struct {
	*Relation
	kin Kin
	// view says that it is a view or materialized view on it.
	view bool
	// shows has, for columns of the relation asked about, which ones of the
	// carrier show them; nil if it cannot be told which one shows which.
	shows   map[int]int
	columns map[int]bool
}

// Readers lists every way to read a relation: all roles that can log in, and
// roles that cannot as if they could, marked as groups; what cannot be told is
// in the second list. Both are in a fixed order.
func (s *Server) Readers(r *Relation) ([]Reader, []Unknown) {
	v := &survey{Server: s, relation: r, carriers: map[*Relation]*carrier{}, can: map[*role][]capability{}, unknowns: map[Unknown]bool{}, texts: map[Unknown]string{}}
	v.family()
	v.views()
	for _, c := range v.inOrder() {
		v.direct(c)
	}
	v.definers()
	v.beneath()
	v.publications()
	v.doubts()
	v.who()
	return v.readers, v.doubtful()
}

// family finds the relations whose rows are also rows of the relation, and
// the other way round: ancestors and descendants.
func (v *survey) family() {
	v.kin(v.relation, Itself)
	v.lineage(v.relation, Ancestor, func(r *Relation) []*Relation { return r.parents })
	v.lineage(v.relation, Descendant, func(r *Relation) []*Relation { return r.children })
}

func (v *survey) lineage(from *Relation, kin Kin, next func(*Relation) []*Relation) {
	for _, r := range next(from) {
		if v.carriers[r] == nil {
			v.kin(r, kin)
			v.lineage(r, kin, next)
		}
	}
}

// kin adds a relative, whose columns are the same by name.
func (v *survey) kin(r *Relation, kin Kin) {
	c := &carrier{Relation: r, kin: kin, shows: map[int]int{}, columns: map[int]bool{}}
	at := map[string]int{}
	for i, name := range r.Columns {
		at[name] = i
	}
	for i, name := range v.relation.Columns {
		if j, ok := at[name]; ok {
			c.shows[i], c.columns[i] = j, true
		}
	}
	v.carriers[r] = c
}

// inOrder lists the carriers, so that results do not depend on chance.
func (v *survey) inOrder() []*carrier {
	return slices.SortedFunc(maps.Values(v.carriers), func(a, b *carrier) int {
		return cmp.Or(cmp.Compare(a.kin, b.kin), cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name), cmp.Compare(a.oid, b.oid))
	})
}

// identities are all that somebody can be, PUBLIC among them.
func (v *survey) identities(each func(*role)) {
	for _, r := range v.roles {
		each(r)
	}
	each(v.anyone)
}

// direct finds what identities can read of a carrier by rights to it.
func (v *survey) direct(c *carrier) {
	v.identities(func(r *role) {
		if r.super {
			if c.kin == Itself && !c.view {
				v.add(r, capability{at: c.list(), rows: allRows, path: Path{Way: BySuperuser, Relation: c.String()}, whole: true})
			}
			return
		}
		if v.mayUse(r, c.in) {
			v.granted(r, c)
			v.mayTrigger(r, c)
		}
		if r != v.anyone && v.has(r, c.owner) {
			v.add(r, capability{at: c.list(), rows: allRows, effort: AfterChange, path: v.path(ByOwner, c, c.owner)})
		}
	})
}

// list are the columns of the relation asked about that a carrier shows.
func (c *carrier) list() []int { return slices.Sorted(maps.Keys(c.columns)) }

func (v *survey) path(way Way, c *carrier, grantee oid) Path {
	p := Path{Way: way, Kin: c.kin, Relation: c.String(), Grantee: v.nameOf(grantee)}
	switch {
	case c.view && c.Kind == 'm' && way == ByGrant:
		p.Way = ByMaterializedView
	case c.view && way == ByGrant:
		p.Way = ByView
	}
	return p
}

func (s *Server) nameOf(who oid) string {
	switch r := s.byOID[who]; {
	case who == public:
		return anyoneName
	case r == nil:
		return fmt.Sprintf("role %d", who)
	default:
		return r.name
	}
}

// granted adds what a role may SELECT.
func (v *survey) granted(r *role, c *carrier) {
	seen := capability{rows: v.rowsOf(r, c.Relation), whole: !c.view && c.kin != Descendant}
	if c.view {
		seen.rows = allRows
	}
	way, grantee, whole := ByGrant, public, false
	switch of, ok := v.allows(r, c.rights.given(c.owner, selects|triggers, 0), selects); {
	case ok:
		grantee, whole = of, true
	case v.hasNamed(r, readAllData):
		way, whole = ByReadAllData, true
	}
	if whole {
		seen.at, seen.path = c.list(), v.path(way, c, grantee)
		if way == ByReadAllData {
			seen.path.Grantee = ""
		}
		v.add(r, seen)
		return
	}
	for grantee, at := range v.byColumn(r, c) {
		seen.at, seen.path = at, v.path(ByGrant, c, grantee)
		seen.path.ByColumn = true
		v.add(r, seen)
	}
}

// byColumn lists the columns that a role may SELECT by rights to columns, by
// who holds those.
func (v *survey) byColumn(r *role, c *carrier) map[oid][]int {
	found := map[oid][]int{}
	for _, rights := range c.columnRights {
		grantee, ok := v.allows(r, rights.list, selects)
		if !ok {
			continue
		}
		for _, at := range c.shownBy(rights.column) {
			if !slices.Contains(found[grantee], at) {
				found[grantee] = append(found[grantee], at)
			}
		}
	}
	for _, at := range found {
		slices.Sort(at)
	}
	return found
}

// shownBy lists the columns of the relation asked about that a column of the
// carrier shows, or might show.
func (c *carrier) shownBy(column int) []int {
	if c.view {
		return c.list()
	}
	for at, by := range c.shows {
		if by == column {
			return []int{at}
		}
	}
	return nil
}

// mayTrigger adds what a role's own trigger would see.
func (v *survey) mayTrigger(r *role, c *carrier) {
	if c.view || c.Kind != 'r' && c.Kind != 'p' || v.has(r, c.owner) {
		return
	}
	if grantee, ok := v.allows(r, c.rights.given(c.owner, selects|triggers, 0), triggers); ok {
		v.add(r, capability{at: c.list(), rows: allRows, effort: AfterChange, path: v.path(ByTrigger, c, grantee)})
	}
}

// add notes a capability, unless it shows nothing.
func (v *survey) add(r *role, c capability) {
	if len(c.at) > 0 && c.rows.extent != NoRows {
		v.can[r] = append(v.can[r], c)
	}
}
