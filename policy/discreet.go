package policy

// discreet reports whether what the server says of an error could quote a
// value that must not reach the client: an error names the value that could
// not be cast, and the whole row that breaks a constraint, whichever columns
// the statement names. So any column of a relation that it names counts.
func (c *ruling) discreet() bool {
	t := &c.judge.policy.columns
	if len(t.entries) == 0 {
		return false
	}
	found := false
	look := func(e *columnEntry) { found = found || e.secret() || !c.clientAccepts(e) }
	for i := range c.st.Relations {
		t.relation(c.st.Relations[i].Schema, c.st.Relations[i].Name, look)
	}
	if c.touch().unnamed {
		for _, e := range t.entries {
			look(e)
		}
	}
	return found
}

// clientAccepts reports whether the class of a column may be shown to the
// client.
func (c *ruling) clientAccepts(e *columnEntry) bool {
	at := c.judge.view.client
	return !c.judge.policy.hasClients || at != nil && hasClass(at.accepts, e.class)
}
