package destination

// Members is what matching rules needs to know of a server's roles.
type Members struct {
	// Complete is false if there may be roles or memberships that are not here.
	Complete  bool
	roles     map[string]*Role
	groups    map[string][]string // direct groups of a member
	databases map[string]bool
	verifiers map[string]Verifier
	// otherwise is the kind that a role without a verifier is asked for, and a
	// name that does not exist: the server pretends.
	otherwise string
}

// Members puts together what the facts say of roles.
func (f *Facts) Members() *Members {
	m := &Members{
		Complete:  f.Roles.Known && f.Memberships.Known && f.Databases.Known,
		roles:     map[string]*Role{},
		groups:    map[string][]string{},
		databases: map[string]bool{},
		verifiers: map[string]Verifier{},
	}
	for i := range f.Roles.Value {
		m.roles[f.Roles.Value[i].Name] = &f.Roles.Value[i]
	}
	for _, x := range f.Memberships.Value {
		m.groups[x.Member] = append(m.groups[x.Member], x.Group)
	}
	for _, d := range f.Databases.Value {
		m.databases[d.Name] = true
	}
	for _, v := range f.Verifiers.Value {
		m.verifiers[v.Role] = v
	}
	if f.Verifiers.Known {
		m.otherwise, _ = f.setting("password_encryption")
	}
	return m
}

// verifier is the kind of verifier that the server asks about for a name,
// "unknown" if that is not known.
func (m *Members) verifier(name string) string {
	switch v, found := m.verifiers[name]; {
	case found && v.Kind != "none":
		return v.Kind
	case m.otherwise != "":
		return m.otherwise
	}
	return "unknown"
}

// is reports whether a role is a member of a group in the sense of pg_hba.conf:
// explicitly, over any number of steps, whatever it inherits, and superusers
// like anybody (is_member_of_role_nosuper). A role is a member of itself.
func (m *Members) is(name, group string) answer {
	_, exists := m.roles[name]
	_, grouped := m.roles[group]
	if !m.Complete && (!exists || !grouped) {
		return maybe
	}
	if !exists || !grouped {
		return no
	}
	seen := map[string]bool{name: true}
	for next := []string{name}; len(next) > 0; {
		at := next[0]
		next = next[1:]
		if at == group {
			return yes
		}
		for _, g := range m.groups[at] {
			if !seen[g] {
				seen[g] = true
				next = append(next, g)
			}
		}
	}
	if !m.Complete {
		return maybe
	}
	return no
}
