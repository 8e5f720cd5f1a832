package policy

// An error of the server can name the value that could not be cast, and quote the
// whole row that breaks a constraint, whichever columns the statement names. So
// any column of a relation that it names, or that is beneath one, counts.

// discreet reports whether what the server says could quote a value that must not
// reach the client.
func (c *ruling) discreet() bool {
	return c.mayQuote(func(e *columnEntry) bool { return e.secret() || !c.clientAccepts(e) })
}

// reticent reports whether it could quote one that has a class at all. The client
// may see it, but not in words that nobody asked for, which are copied into logs.
func (c *ruling) reticent() bool {
	return c.mayQuote(func(*columnEntry) bool { return true })
}

func (c *ruling) mayQuote(counts func(*columnEntry) bool) bool {
	t := &c.judge.policy.columns
	found := false
	look := func(e *columnEntry) { found = found || counts(e) }
	for i := range c.st.Relations {
		t.relation(c.st.Relations[i].Schema, c.st.Relations[i].Name, look)
	}
	if f := c.fact(); f != nil {
		for _, r := range f.Beneath {
			t.relation(r.Schema, r.Name, look)
		}
		for _, class := range f.Classes {
			look(&columnEntry{class: class})
		}
	}
	for _, contact := range c.touch().contacts {
		look(contact.entry)
	}
	if c.touch().unnamed {
		for _, e := range c.judge.everyEntry() {
			look(e)
		}
	}
	return found
}

// clientAccepts reports whether the class of a column may be shown to the
// client as it is.
func (c *ruling) clientAccepts(e *columnEntry) bool {
	at := c.judge.view.client
	return !c.judge.policy.hasClients || at != nil && hasClass(at.accepts, e.class) && !at.masksClass(e.class)
}
