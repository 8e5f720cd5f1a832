package protection

import (
	"cmp"
	"maps"
	"slices"
)

// Effort is how much somebody must do to read.
type Effort uint8

// The efforts, least first. More effort is better protection.
const (
	// PlainQuery is a SELECT right after login.
	PlainQuery Effort = iota
	// AfterSetRole needs SET ROLE first.
	AfterSetRole
	// AfterChange needs a change that one may make oneself: an owner grants
	// or turns row security off, somebody grants a role to themselves.
	AfterChange
	// BeneathSQL goes through files, programs or replication.
	BeneathSQL
)

// The roles of PostgreSQL that let people read beyond what is granted.
const (
	databaseOwnerRole = "pg_database_owner"
	readAllData       = "pg_read_all_data"
	writeAllData      = "pg_write_all_data"
)

// beneath are the roles of PostgreSQL that reach files and programs.
var beneath = []string{"pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"}

// relate computes what roles have from each other.
func (s *Server) relate() {
	slices.SortFunc(s.roles, byName)
	s.joinDatabaseOwner()
	for _, r := range append(s.roles, s.anyone) {
		r.privileges = r.inherited()
	}
	everyone := s.reachedByAll()
	for _, r := range s.roles {
		r.reaches = s.reached(r, everyone)
	}
	s.anyone.reaches = []reach{{role: s.anyone}}
}

// joinDatabaseOwner makes the owner of the database a member of
// pg_database_owner, which is in no catalog (14+). From 16 on it inherits it
// whatever its attribute says.
func (s *Server) joinDatabaseOwner() {
	owner, group := s.byOID[s.owner], s.byName[databaseOwnerRole]
	if owner == nil || group == nil || owner == group {
		return
	}
	owner.members = append(owner.members, membership{of: group, inherit: s.Version >= 16 || owner.inherit, set: true})
}

// inherited are the roles whose rights a role has: has_privs_of_role, except
// that a superuser has all.
func (r *role) inherited() map[*role]bool {
	has := map[*role]bool{r: true}
	for queue := []*role{r}; len(queue) > 0; queue = queue[1:] {
		for _, m := range queue[0].members {
			if m.inherit && !has[m.of] {
				has[m.of] = true
				queue = append(queue, m.of)
			}
		}
	}
	return has
}

// reachedByAll are the roles that somebody reaches who may grant themselves
// every role but superusers: those, and what they can become.
func (s *Server) reachedByAll() []*role {
	found := map[*role]bool{}
	for _, r := range s.roles {
		if !r.super {
			r.walk(found)
		}
	}
	return inOrder(found)
}

func byName(a, b *role) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.oid, b.oid)) }

// inOrder lists a set of roles in the order of their names.
func inOrder(set map[*role]bool) []*role { return slices.SortedFunc(maps.Keys(set), byName) }

// walk adds a role and all that it can SET ROLE to. A superuser can become
// everybody, but has nothing to gain by it.
func (r *role) walk(found map[*role]bool) {
	if found[r] {
		return
	}
	found[r] = true
	if r.super {
		return
	}
	for queue := []*role{r}; len(queue) > 0; queue = queue[1:] {
		for _, m := range queue[0].members {
			if m.set && !found[m.of] {
				found[m.of] = true
				queue = append(queue, m.of)
			}
		}
	}
}

// grantsAll reports whether a role may make itself a member of every role that
// is no superuser: CREATEROLE up to 15.
func (s *Server) grantsAll(r *role) bool { return s.Version < 16 && r.createRole && !r.super }

// reached lists what a role can become: itself, by SET ROLE, and after it has
// granted itself what it may.
func (s *Server) reached(r *role, everyone []*role) []reach {
	list := []reach{{role: r}}
	set := map[*role]bool{}
	r.walk(set)
	for _, e := range inOrder(set) {
		if e != r {
			list = append(list, reach{e, AfterSetRole})
		}
	}
	for _, e := range s.afterGrants(set, everyone) {
		list = append(list, reach{e, AfterChange})
	}
	return list
}

// afterGrants lists what roles can become beyond themselves by the grants that
// they, and those they then are, may make: with ADMIN OPTION of their own or
// of a role whose rights they have.
func (s *Server) afterGrants(have map[*role]bool, everyone []*role) []*role {
	found := map[*role]bool{}
	queue := make([]*role, 0, len(have))
	for r := range have {
		found[r] = true
		queue = append(queue, r)
	}
	add := func(r *role) {
		if !found[r] {
			found[r] = true
			queue = append(queue, r)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		r := queue[0]
		if r.super {
			continue
		}
		if s.grantsAll(r) {
			for _, e := range everyone {
				add(e)
			}
		}
		for g := range r.privileges {
			for _, m := range g.members {
				if m.admin || m.set && g == r {
					add(m.of)
				}
			}
		}
	}
	if len(found) == len(have) {
		return nil
	}
	for r := range have {
		delete(found, r)
	}
	return inOrder(found)
}

// groups are the names of all roles that a role is a member of, directly or
// not, whatever the membership gives. Superusers are not members of all.
func (r *role) groups() []string {
	seen := map[*role]bool{r: true}
	var names []string
	for queue := []*role{r}; len(queue) > 0; queue = queue[1:] {
		for _, m := range queue[0].members {
			if !seen[m.of] {
				seen[m.of] = true
				names = append(names, m.of.name)
				queue = append(queue, m.of)
			}
		}
	}
	return names
}

// has reports whether a role has the rights of the role with an OID.
func (s *Server) has(r *role, who oid) bool {
	if who == public {
		return true
	}
	of := s.byOID[who]
	return of != nil && (r.super || r.privileges[of])
}

// hasNamed is has for a role of PostgreSQL's own, which a server may lack.
func (s *Server) hasNamed(r *role, name string) bool {
	of := s.byName[name]
	return of != nil && (r.super || r.privileges[of])
}

// allows finds the grantee by which a role has a privilege of a list: itself
// before others, PUBLIC last.
func (s *Server) allows(r *role, list []right, wanted privilege) (grantee oid, found bool) {
	for _, g := range list {
		switch {
		case g.holds&wanted == 0 || !s.has(r, g.grantee):
		case g.grantee == r.oid:
			return g.grantee, true
		case !found || grantee == public || g.grantee != public && g.grantee < grantee:
			grantee, found = g.grantee, true
		}
	}
	return grantee, found
}

// mayConnect reports whether a role has CONNECT on the database.
func (s *Server) mayConnect(r *role) bool {
	if r.super {
		return true
	}
	_, ok := s.allows(r, s.rights.given(s.owner, connects, connects), connects)
	return ok
}

// mayUse reports whether a role has USAGE on a schema.
func (s *Server) mayUse(r *role, in *schema) bool {
	if r.super || s.hasNamed(r, readAllData) || s.hasNamed(r, writeAllData) {
		return true
	}
	_, ok := s.allows(r, in.rights.given(in.owner, uses, 0), uses)
	return ok
}

// mayExecute reports whether a role has EXECUTE on a function.
func (s *Server) mayExecute(r *role, f *function) (oid, bool) {
	if r.super {
		return 0, true
	}
	return s.allows(r, f.rights.given(f.owner, executes, executes), executes)
}
