package protection

// policy is one that applies to SELECT.
type policy struct {
	name       string
	permissive bool
	roles      []oid // 0 for PUBLIC
	condition  condition
}

// condition is the USING of a policy.
type condition struct {
	// text is what pg_get_expr prints.
	text string
	// code is a digest of the functions of users that it calls, "" for none.
	code string
	// elsewhere says that it looks at rows of other relations.
	elsewhere bool
}

// never is the condition that no row meets.
const never = "false"

// rows is which rows an identity sees, in the words of the catalog: what a
// Scope is made of when names of columns and places are known.
type rows struct {
	extent Extent
	any    []condition
	every  []condition
}

var allRows = rows{extent: AllRows}

// rowsOf is which rows of a relation row security lets a role see, with its
// own rights. It follows check_enable_rls and get_row_security_policies of
// PostgreSQL's rewriter: superusers and BYPASSRLS are exempt, and so is
// whoever has the rights of the owner, unless row security is forced;
// pg_read_all_data is not.
func (s *Server) rowsOf(r *role, rel *Relation) rows {
	switch {
	case !rel.rowSecurity || r.super || r.bypassRLS:
		return allRows
	case !rel.forced && s.has(r, rel.owner):
		return allRows
	}
	seen, open := rows{extent: SomeRows}, false
	for _, p := range rel.policies {
		if !s.concerns(p, r) {
			continue
		}
		switch {
		case p.permissive && p.condition.text == always:
			open = true
		case p.permissive && p.condition.text != never:
			seen.any = append(seen.any, p.condition)
		case !p.permissive && p.condition.text == never:
			return rows{}
		case !p.permissive && p.condition.text != always:
			seen.every = append(seen.every, p.condition)
		}
	}
	if open {
		seen.any = []condition{{text: always}}
	}
	switch {
	case len(seen.any) == 0:
		return rows{} // without a permissive policy there is no row
	case open && len(seen.every) == 0:
		return allRows
	}
	return seen
}

// concerns reports whether a policy applies to a role.
func (s *Server) concerns(p policy, r *role) bool {
	for _, who := range p.roles {
		if s.has(r, who) {
			return true
		}
	}
	return false
}
