package script

import (
	"path"
	"slices"
	"strings"
)

// resend brings back the text sent last if none was gathered since, as psql
// does for \g and its like.
func (s *source) resend() {
	if s.query.empty() {
		s.query = s.previous
	}
}

// sendNow sends what was gathered, or what was sent last, and forgets open
// parentheses.
func (s *source) sendNow(c *Command, local Local) {
	s.resend()
	if s.query.empty() {
		s.putCommand(c, piece{line: c.Line, column: c.Column}, Item{})
		return
	}
	before := s.reader.output
	if local != (Local{}) {
		s.reader.output = local
	}
	s.send(c)
	s.reader.output = before
	s.lex.reset()
}

// sendTo is \g and \gx: the result goes to a file or a program. Options in
// parentheses may stand before it; without their end psql does not send.
func (s *source) sendTo(c *Command, place piece) {
	args := c.Args
	if strings.HasPrefix(first(args), "(") {
		n := slices.IndexFunc(args, func(arg string) bool { return strings.HasSuffix(arg, ")") })
		if n < 0 {
			s.leave(len(s.at.rest()))
			s.putCommand(c, place, Item{})
			return
		}
		args = args[n+1:]
	}
	s.sendNow(c, localOf(first(args)))
}

// localOf reads the name of a file or | and a program.
func localOf(arg string) Local {
	switch {
	case arg == "":
		return Local{}
	case arg[0] == '|':
		return Local{Kind: LocalProgram, Name: arg[1:]}
	}
	return Local{Kind: LocalFile, Name: arg}
}

// sendAs is what ends a text and does something of its own with the result.
func (s *source) sendAs(c *Command, _ piece) {
	if c.Name == "gset" {
		s.reader.anySet = true
	}
	s.sendNow(c, Local{})
}

// watch sends the text again and again, and then forgets it.
func (s *source) watch(c *Command, _ piece) {
	before := s.previous
	s.sendNow(c, Local{})
	s.previous = before
}

func (s *source) clear(c *Command, place piece) {
	s.query.reset()
	s.lex.reset()
	s.putCommand(c, place, Item{})
}

func (s *source) setOutput(c *Command, place piece) {
	s.reader.output = localOf(first(c.Args))
	s.putCommand(c, place, Item{Local: s.reader.output})
}

func (s *source) setVariable(c *Command, place piece) {
	name := ""
	switch {
	case c.Name == "set" && len(c.Args) > 0:
		name = c.Args[0]
	case c.Name == "prompt" && len(c.Args) > 0:
		name = last(c.Args)
	}
	if strings.ContainsAny(name, ":'\"`") {
		s.reader.anySet = true
	}
	s.reader.set[name] = true
	like := Item{}
	if strings.EqualFold(name, "SINGLELINE") || c.Name == "set" && strings.Contains(name, ":") {
		like.Doubts = []string{"it may change where psql ends what follows"}
	}
	s.putCommand(c, place, like)
}

func (s *source) changeDirectory(c *Command, place piece) {
	s.reader.moved = true
	s.putCommand(c, place, Item{})
}

// edited is a command that lets a person change the text.
func (s *source) edited(c *Command, place piece) {
	s.query.reset()
	s.lex.reset()
	s.putCommand(c, place, Item{Doubts: []string{"what comes out of an editor is not in the file"}})
}

// conditional is \if and its like. Both branches are read, so a text that one
// of them cuts is not what psql sends.
func (s *source) conditional(c *Command, place piece) {
	if !s.query.empty() || s.lex.quoting() {
		s.query.doubt("\\" + c.Name + " stands within the statement, so what is sent depends on a condition")
	}
	switch c.Name {
	case "if":
		s.ifs++
	case "endif":
		s.ifs = max(0, s.ifs-1)
	}
	s.putCommand(c, place, Item{})
}

// quit ends the file, unless a condition may keep psql from it.
func (s *source) quit(c *Command, place piece) {
	if s.ifs > 0 {
		s.putCommand(c, place, Item{})
		return
	}
	if !s.query.empty() {
		s.send(nil)
	}
	s.putCommand(c, place, Item{})
	s.reader.pop()
}

func (s *source) restrict(c *Command, place piece) {
	s.reader.restricted = c.Name == "restrict" && len(c.Args) > 0
	s.putCommand(c, place, Item{})
}

// include is \i and \ir.
func (s *source) include(c *Command, place piece) {
	name := first(c.Args)
	name = strings.TrimRight(name, ";")
	like := Item{}
	switch {
	case name == "":
	case s.reader.options.Open == nil:
		like.Doubts = []string{"the file it names is not followed here"}
	case s.reader.moved && !path.IsAbs(name):
		like.Doubts = []string{"which file it names is not known here, because \\cd has changed the working directory"}
	case name == "-" || c.RunsProgram || strings.ContainsAny(name, ":`") || strings.HasPrefix(name, "~"):
		like.Doubts = []string{"which file it names is not known here"}
	}
	s.putCommand(c, place, like)
	if name == "" || like.Doubts != nil {
		return
	}
	if c.Name == "ir" || c.Name == "include_relative" {
		if !path.IsAbs(name) {
			name = path.Join(path.Dir(s.lines.name), name)
		}
	}
	s.follow(name, place)
}

func (s *source) follow(name string, place piece) {
	r := s.reader
	if len(r.sources) >= maxDepth {
		s.fail(s.errorAt(place, "files that include files, more than %d deep", maxDepth))
		return
	}
	for _, open := range r.sources {
		if path.Clean(open.lines.name) == path.Clean(name) {
			s.fail(s.errorAt(place, "%s includes itself", name))
			return
		}
	}
	in, err := r.options.Open(name)
	if err != nil {
		s.fail(s.errorAt(place, "%w", err))
		return
	}
	r.push(name, in, in.Close)
}

// alike are commands for which psql sends texts or calls of its own making.
func (s *source) alike(c *Command, place piece) {
	arg := first(c.Args)
	var like Item
	switch c.Name {
	case "encoding":
		if arg != "" {
			like.Text = "set client_encoding to '" + strings.ReplaceAll(arg, "'", "''") + "'"
		}
	case "password":
		like.Like = "ALTER USER " + quoteName(arg) + " PASSWORD '?'"
	case "lo_export":
		like.Like = "SELECT pg_catalog.lo_get(0)"
	case "lo_import":
		like.Like = "SELECT pg_catalog.lo_from_bytea(0, '?')"
	case "lo_unlink":
		like.Like = "SELECT pg_catalog.lo_unlink(0)"
	case "bind_named":
		like.Like = "EXECUTE " + quoteName(arg)
	}
	if c.Name == "lo_export" && len(c.Args) > 1 {
		like.Local = Local{Kind: LocalFile, Name: c.Args[1]}
	}
	s.putCommand(c, place, like)
}

func quoteName(name string) string {
	if name == "" {
		name = "?"
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
