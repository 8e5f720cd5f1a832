package script

// colon reads what begins with a colon: a cast, an assignment, a variable, or
// the colon of an array slice.
func (s *source) colon(next byte) {
	s.lex.copies.other()
	switch {
	case next == ':' || next == '=':
		s.take(2)
	case next == '\'' || next == '"':
		s.variable(VariableKind(next), 2, string(next))
	case next == '{' && s.at.peek(2) == '?':
		s.variable(Test, 3, "}")
	case isTagPart(next):
		s.variable(Plain, 1, "")
	default:
		s.take(1)
	}
}

// variable reads a variable whose name begins after some bytes and is
// followed by an end mark. Without the mark it is only a colon.
func (s *source) variable(kind VariableKind, begin int, end string) {
	n := begin
	for isTagPart(s.at.peek(n)) {
		n++
	}
	name := s.at.line[s.at.pos+begin : s.at.pos+n]
	if name == "" || end != "" && s.at.peek(n) != end[0] {
		s.take(1)
		return
	}
	n += len(end)
	start := s.query.length()
	isSlice := kind == Plain && s.lex.brackets > 0 && !s.reader.mayBeSet(name)
	s.take(n)
	if !isSlice && s.query.cut == 0 {
		s.query.variables = append(s.query.variables, Variable{Name: name, Kind: kind, Start: int(start), End: int(start) + n})
	}
}

// mayBeSet reports whether the file has set a variable so far. In a[lower:upper]
// psql puts a value in the place of :upper too, if there is one; what is not set
// by the file is taken for a slice there.
func (r *Reader) mayBeSet(name string) bool { return r.anySet || r.set[name] }
