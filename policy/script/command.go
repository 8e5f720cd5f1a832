package script

import "strings"

// Command is a meta-command.
type Command struct {
	// Name is without the backslash: "copy", "gexec".
	Name string
	// Args are what follows, without their quotes; of commands that take
	// the rest of the line, and of | and what follows it, one.
	Args []string
	// Line and Column say where its backslash stands.
	Line   int
	Column int
	// RunsProgram is true if psql runs a program on the client for it: \!,
	// an argument in backquotes, a result that goes to | and a program.
	RunsProgram bool
	// Unknown is true for a command that no psql up to 18 has.
	Unknown bool
	// Refused is true within \restrict, where psql runs no meta-command
	// but \unrestrict.
	Refused bool
}

// form says how the arguments of a command are read.
type form int

const (
	words     form = iota // words that end at a backslash
	wholeLine             // the rest of the line, as it is
	filePipe              // like words, but the first may be | and the rest of the line
)

// act is what a command does with the text gathered so far or to the server.
type act func(s *source, c *Command, place piece)

// commands are psql's, from the manual's page on psql of versions 13 to 18. The
// family of \d, which only reads the catalog, is told by its letter.
var commands map[string]struct {
	form form
	act  act
}

func init() {
	add := func(f form, a act, names string) {
		for _, name := range strings.Fields(names) {
			commands[name] = struct {
				form form
				act  act
			}{f, a}
		}
	}
	commands = make(map[string]struct {
		form form
		act  act
	})
	add(words, nil, `? a bind c C close_prepared connect conninfo copyright echo endpipeline errverbose f flush flushrequest
		getenv getresults H html list list+ listx listx+ lo_list lo_list+ p print pset qecho s setenv startpipeline syncpipeline
		t T timing unset warn x`)
	add(wholeLine, nil, "! h help sf sf+ sv sv+")
	add(filePipe, nil, "w write")
	add(filePipe, (*source).setOutput, "o out")
	add(filePipe, (*source).sendTo, "g gx")
	add(words, (*source).sendAs, "gset gexec gdesc crosstabview parse sendpipeline")
	add(words, (*source).watch, "watch")
	add(words, (*source).clear, "r reset")
	add(words, (*source).setVariable, "set prompt")
	add(words, (*source).edited, "e edit")
	add(wholeLine, (*source).edited, "ef ev")
	add(words, (*source).conditional, "if elif else endif")
	add(words, (*source).include, "i ir include include_relative")
	add(wholeLine, (*source).copy, "copy")
	add(words, (*source).restrict, "restrict unrestrict")
	add(words, (*source).alike, "encoding password lo_export lo_import lo_unlink bind_named")
	add(words, (*source).changeDirectory, "cd")
	add(words, (*source).quit, "q quit")
}

// command reads a meta-command, whose backslash is next, and does what it
// does to the reading.
func (s *source) command() {
	if s.query.length() == s.addedNewline {
		s.query.drop()
	}
	s.addedNewline = -1
	place := *s.place()
	s.leave(1)
	n := s.at.run(func(b byte) bool { return !isSpace(b) && b != '\\' })
	c := &Command{Name: s.at.line[s.at.pos : s.at.pos+n], Line: place.line, Column: place.column}
	s.leave(n)
	known, ok := commands[c.Name]
	switch {
	case s.reader.restricted && c.Name != "unrestrict":
		c.Refused = true
		s.skip(c)
	case !ok && !describes(c.Name):
		c.Unknown = true
		s.skip(c)
	default:
		s.arguments(c, known.form)
	}
	if act := known.act; act != nil && !c.Refused {
		act(s, c, place)
		return
	}
	s.putCommand(c, place, Item{})
}

// skip goes past the rest of the line of a command that psql does not run.
// What was gathered stays.
func (s *source) skip(c *Command) {
	c.Args = append(c.Args, strings.TrimSpace(s.at.rest()))
	s.leave(len(s.at.rest()))
	if !s.query.empty() {
		s.query.doubt("psql may not know or run \\" + c.Name + " within it")
	}
}

// describes reports whether a command is of the families \d, \l and \z, which
// read the catalog: letters, and at the end S, x or +.
func describes(name string) bool {
	if name == "" || len(name) > 8 {
		return false
	}
	switch name[0] {
	case 'd':
		return strings.Trim(name[1:], "abcdefghijklmnopqrstuvwxyzACEFOPSRT+") == ""
	case 'l', 'z':
		return strings.Trim(name[1:], "Sx+") == ""
	}
	return false
}

// putCommand makes an item of a command; like holds what else it has.
func (s *source) putCommand(c *Command, place piece, like Item) {
	item := like
	item.File, item.Line, item.Column, item.Offset = s.lines.name, place.line, place.column, place.offset
	item.Command, item.Section, item.Conditional = c, s.section, s.ifs > 0
	if item.Text != "" || item.Like != "" {
		item.Ignores, s.ignores = s.ignores, nil
	}
	s.put(item)
}

// arguments reads what follows the name of a command.
func (s *source) arguments(c *Command, f form) {
	if f == wholeLine {
		s.leave(s.at.run(isSpace))
		if rest := s.at.rest(); rest != "" {
			c.Args = append(c.Args, rest)
		}
		s.leave(len(s.at.rest()))
		c.RunsProgram = c.Name == "!"
		return
	}
	pipe := f == filePipe
	for {
		s.leave(s.at.run(isSpace))
		if pipe && s.at.peek(0) == '|' {
			c.Args = append(c.Args, s.at.rest())
			c.RunsProgram = true
			s.leave(len(s.at.rest()))
			return
		}
		arg, ok := s.argument(c)
		if !ok {
			break
		}
		// \g takes options in parentheses before the file.
		pipe = pipe && (strings.HasPrefix(arg, "(") || len(c.Args) > 0) && !strings.HasSuffix(last(c.Args), ")")
		c.Args = append(c.Args, arg)
		pipe = pipe || f == filePipe && strings.HasSuffix(arg, ")") && strings.HasPrefix(c.Args[0], "(")
	}
	if s.at.peek(0) == '\\' && s.at.peek(1) == '\\' {
		s.leave(2)
	}
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func last(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[len(args)-1]
}

// argument reads one word: it ends at white space or a backslash outside
// quotes. One whose quote does not end is no argument, and the rest of the line
// is gone.
func (s *source) argument(c *Command) (string, bool) {
	var word strings.Builder
	began := false
	for s.at.pos < len(s.at.line) {
		b := s.at.peek(0)
		if isSpace(b) || b == '\\' {
			break
		}
		began = true
		if b != '\'' && b != '"' && b != '`' {
			word.WriteByte(b)
			s.leave(1)
			continue
		}
		n := closing(s.at.rest())
		if n < 0 {
			s.leave(len(s.at.rest()))
			return "", false
		}
		quoted := s.at.line[s.at.pos : s.at.pos+n]
		c.RunsProgram = c.RunsProgram || b == '`'
		if b == '\'' {
			quoted = strings.ReplaceAll(quoted[1:n-1], "''", "'")
		}
		word.WriteString(quoted)
		s.leave(n)
	}
	return word.String(), began
}

// closing is the length of what begins with a quote, up to its end; -1 if it
// has none. In '...' a backslash takes the next character along.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i + 1
		case s[i] == '\\' && s[0] == '\'':
			i++
		}
	}
	return -1
}
