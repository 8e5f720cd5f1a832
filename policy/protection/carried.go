package protection

// Granted are the rights to read a relation that its ACL gives, its columns' ACLs
// among them, but for those of the owner: what somebody has who is a member of
// nothing.
func (s *Server) Granted(r *Relation) []Grant {
	var out []Grant
	for _, g := range r.rights.list {
		if g.holds&selects != 0 && g.grantee != r.owner {
			out = append(out, Grant{Role: s.nameOf(g.grantee), Passes: g.passes&selects != 0})
		}
	}
	for _, c := range r.columnRights {
		for _, g := range c.list {
			if g.holds&selects != 0 && g.grantee != r.owner && c.column < len(r.Columns) {
				out = append(out, Grant{Role: s.nameOf(g.grantee), Columns: []string{r.Columns[c.column]}, Passes: g.passes&selects != 0})
			}
		}
	}
	return out
}

// RowSecurity tells whether a relation has row security, and its policies for
// SELECT.
func (s *Server) RowSecurity(r *Relation) (on bool, policies []PlannedPolicy) {
	for _, p := range r.policies {
		one := PlannedPolicy{Name: p.name, Permissive: p.permissive, Using: p.condition.text, Code: p.condition.code, Elsewhere: p.condition.elsewhere}
		for _, role := range p.roles {
			one.Roles = append(one.Roles, s.nameOf(role))
		}
		policies = append(policies, one)
	}
	return r.rowSecurity, policies
}
