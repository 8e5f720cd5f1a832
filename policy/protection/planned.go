package protection

import (
	"fmt"
	"slices"
)

// Plan is a relation that does not exist yet.
type Plan struct {
	Schema, Name string
	// Kind is relkind; zero is a table.
	Kind byte
	// Owner is the role that will own it; it makes it, too.
	Owner   string
	Columns []string
	// Grants come on top of what the relation gets by default.
	Grants []Grant
	// WithoutDefaults says that the rights by default privileges are revoked
	// from everybody but the owner before anything is in it.
	WithoutDefaults       bool
	RowSecurity, ForceRow bool
	Policies              []PlannedPolicy
}

// Grant is a right to read that will be granted.
type Grant struct {
	// Role is a role or PUBLIC.
	Role string
	// Columns are single columns; none stands for the whole relation.
	Columns []string
	// Passes is WITH GRANT OPTION.
	Passes bool
}

// PlannedPolicy is a policy for SELECT.
type PlannedPolicy struct {
	Name       string
	Permissive bool
	// Roles are roles, or PUBLIC; none is PUBLIC.
	Roles []string
	// Using is its condition, as pg_get_expr prints it. Without one the policy
	// neither shows nor hides a row, as in PostgreSQL.
	Using string
	// Code and Elsewhere are as a Load would find them: a digest of the
	// functions of users that it calls, and whether it looks at other rows.
	Code      string
	Elsewhere bool
}

// Planned is a relation as it would be, for Readers and the facts. What is not
// there yet, a role or a schema, is an error, except that a schema which is
// missing is taken to be made by the owner with default privileges.
func (s *Server) Planned(p Plan) (*Relation, error) {
	owner := s.byName[p.Owner]
	if owner == nil {
		return nil, fmt.Errorf("protection: the role %s, which is to own %s, does not exist", quoted(p.Owner), quoted(p.Schema, p.Name))
	}
	r := &Relation{Schema: p.Schema, Name: p.Name, Kind: p.Kind, Columns: slices.Clone(p.Columns), in: s.plannedSchema(p.Schema, owner),
		owner: owner.oid, rowSecurity: p.RowSecurity, forced: p.ForceRow}
	if r.Kind == 0 {
		r.Kind = 'r'
	}
	for i := range r.Columns {
		r.numbers = append(r.numbers, int16(i+1))
	}
	r.rights = rights{list: []right{{grantee: owner.oid, holds: selects | triggers}}}
	if !p.WithoutDefaults {
		r.rights.list = s.byDefault(owner, r.in, 'r', selects|triggers)
	}
	for _, g := range p.Grants {
		if err := s.plan(r, g); err != nil {
			return nil, err
		}
	}
	for _, policy := range p.Policies {
		if err := s.planPolicy(r, policy); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (s *Server) plannedSchema(name string, owner *role) *schema {
	for _, in := range s.schemas {
		if in.name == name {
			return in
		}
	}
	return &schema{name: name, owner: owner.oid, rights: rights{list: s.byDefault(owner, nil, 'n', uses)}}
}

// byDefault is what a new object of a role gets (get_user_default_acl): an
// entry of ALTER DEFAULT PRIVILEGES for all schemas replaces what PostgreSQL
// gives by itself, one for the schema is added. If nothing at all comes of
// that, it is as if there were no entry (aclmerge).
func (s *Server) byDefault(creator *role, in *schema, kind byte, ofOwner privilege) []right {
	builtIn := []right{{grantee: creator.oid, holds: ofOwner}}
	r, empty := rights{list: builtIn}, false
	if d := s.defaultRights(creator, 0, kind); d != nil {
		r.list, empty = slices.Clone(d.list), d.empty
	}
	if in != nil && in.oid != 0 {
		if d := s.defaultRights(creator, in.oid, kind); d != nil {
			empty = empty && d.empty
			for _, g := range d.list {
				r.add(g.grantee, g.holds, g.passes)
			}
		}
	}
	if empty {
		return builtIn
	}
	return r.list
}

func (s *Server) defaultRights(creator *role, in oid, kind byte) *defaultRights {
	for i := range s.defaults {
		if d := &s.defaults[i]; d.role == creator.oid && d.schema == in && d.kind == kind {
			return d
		}
	}
	return nil
}

func (s *Server) grantee(name string) (oid, error) {
	if name == anyoneName {
		return public, nil
	}
	if r := s.byName[name]; r != nil {
		return r.oid, nil
	}
	return 0, fmt.Errorf("protection: the role %s does not exist", quoted(name))
}

func (s *Server) plan(r *Relation, g Grant) error {
	who, err := s.grantee(g.Role)
	if err != nil {
		return err
	}
	passes := privilege(0)
	if g.Passes {
		passes = selects
	}
	if len(g.Columns) == 0 {
		r.rights.add(who, selects, passes)
		return nil
	}
	for _, name := range g.Columns {
		at := slices.Index(r.Columns, name)
		if at < 0 {
			return fmt.Errorf("protection: %s has no column %s", r, quoted(name))
		}
		r.grantColumn(at, who, passes)
	}
	return nil
}

func (r *Relation) grantColumn(at int, who oid, passes privilege) {
	given := rights{}
	i := slices.IndexFunc(r.columnRights, func(c columnRights) bool { return c.column == at })
	if i < 0 {
		i = len(r.columnRights)
		r.columnRights = append(r.columnRights, columnRights{column: at})
	}
	given.list = r.columnRights[i].list
	given.add(who, selects, passes)
	r.columnRights[i].list = given.list
}

func (s *Server) planPolicy(r *Relation, p PlannedPolicy) error {
	one := policy{name: p.Name, permissive: p.Permissive, condition: condition{text: p.Using, code: p.Code, elsewhere: p.Elsewhere}}
	names := p.Roles
	if len(names) == 0 {
		names = []string{anyoneName}
	}
	for _, name := range names {
		who, err := s.grantee(name)
		if err != nil {
			return err
		}
		one.roles = append(one.roles, who)
	}
	if p.Using != "" {
		r.policies = append(r.policies, one)
	}
	return nil
}
