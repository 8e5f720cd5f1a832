package destination

// answer is whether something matches.
type answer int

const (
	no answer = iota
	// maybe is what the server alone knows.
	maybe
	// probably is a match by a keyword. The view shows it without quotes, and
	// in quotes it would be a name; but nothing has that name.
	probably
	yes
)

// matched is an answer, and for maybe what is not known.
type matched struct {
	answer answer
	why    string
}

// match reports whether a rule matches a client: check_hba of hba.c.
func (h *HBA) match(r *Rule, c Client, who *Members) matched {
	result := matched{answer: yes}
	for _, part := range []func() matched{
		func() matched { return matched{answer: r.matchesType(c)} },
		func() matched { return r.matchesAddress(c) },
		func() matched { return h.matchesDatabase(r, c, who) },
		func() matched { return h.matchesUser(r, c, who) },
	} {
		m := part()
		if m.answer == no {
			return m
		}
		if m.answer < result.answer {
			result = m
		}
	}
	return result
}

// matchesType compares the kind of connection.
func (r *Rule) matchesType(c Client) answer {
	local := !c.From.IsValid()
	is := func(matches bool) answer {
		if matches {
			return yes
		}
		return no
	}
	switch r.Type {
	case "local":
		return is(local)
	case "host":
		return is(!local)
	case "hostssl":
		return is(!local && c.TLS)
	case "hostnossl":
		return is(!local && !c.TLS)
	case "hostgssenc":
		return is(!local && c.GSS)
	case "hostnogssenc":
		return is(!local && !c.GSS)
	}
	return maybe
}

// any is the answer of a list of which one has to match.
func anyOf(list []string, match func(string) matched) matched {
	result := matched{answer: no}
	for _, item := range list {
		m := match(item)
		if m.answer == yes {
			return m
		}
		if m.answer > result.answer {
			result = m
		}
	}
	return result
}

// matchesDatabase is check_db. The keyword replication matches physical
// replication only, and physical replication nothing else.
func (h *HBA) matchesDatabase(r *Rule, c Client, who *Members) matched {
	return anyOf(r.Databases, func(word string) matched {
		quoted := who.databaseNamed(word)
		if c.Replication {
			if word != "replication" {
				return matched{answer: no}
			}
			return keyword(quoted, yes, word)
		}
		literal := word == c.Database
		switch word {
		case "replication":
			return keyword(literal, no, word)
		case "all":
			if literal {
				return matched{answer: yes}
			}
			return keyword(quoted, yes, word)
		case "sameuser":
			return either(c.Database == c.User, literal, quoted || literal, word)
		case "samerole", "samegroup":
			m := who.is(c.User, c.Database)
			if m == maybe {
				return matched{maybe, "whether " + Clean(c.User) + " is a member of " + Clean(c.Database) + " is not known"}
			}
			return either(m == yes, literal, quoted || literal, word)
		}
		return h.matchesName(word, c.Database)
	})
}

// matchesUser is check_role.
func (h *HBA) matchesUser(r *Rule, c Client, who *Members) matched {
	return anyOf(r.Users, func(word string) matched {
		literal := word == c.User
		switch {
		case word == "all":
			if literal {
				return matched{answer: yes}
			}
			return keyword(who.roleNamed(word), yes, word)
		case len(word) > 1 && word[0] == '+':
			m := who.is(c.User, word[1:])
			if m == maybe {
				return matched{maybe, "whether " + Clean(c.User) + " is a member of " + Clean(word[1:]) + " is not known"}
			}
			return either(m == yes, literal, who.roleNamed(word) || literal, word)
		}
		return h.matchesName(word, c.User)
	})
}

// keyword is the answer of a word that the view shows without its quotes: if
// something is named like the keyword, the word could be that name.
func keyword(couldBeName bool, otherwise answer, word string) matched {
	why := "the word " + Clean(word) + " may be a keyword or, in quotes, a name"
	switch {
	case couldBeName:
		return matched{maybe, why}
	case otherwise == yes:
		return matched{probably, why}
	}
	return matched{answer: otherwise}
}

// either is the answer of a word that means one thing as a keyword and another
// in quotes.
func either(asKeyword, asName, couldBeName bool, word string) matched {
	switch {
	case asKeyword && asName:
		return matched{answer: yes}
	case asKeyword || couldBeName && asName:
		return keyword(couldBeName, yes, word)
	}
	return matched{answer: no}
}

// databaseNamed and roleNamed report whether something may have this name.
func (m *Members) databaseNamed(name string) bool { return m.databases[name] }
func (m *Members) roleNamed(name string) bool     { return m.roles[name] != nil }
