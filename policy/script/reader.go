package script

import (
	"errors"
	"fmt"
	"io"
)

const (
	// defaultMaxText is what is kept of one text, in bytes: as much as the
	// analysis reads.
	defaultMaxText = 4 << 20
	// maxDepth bounds files that include files.
	maxDepth = 16
)

// Options says how files are read. The zero value is psql's way, without
// following \i.
type Options struct {
	// Wire makes the whole file one message, as a driver would send it:
	// nothing in it is a meta-command, a variable or COPY data.
	Wire bool
	// MaxText is how many bytes of one text are kept. Default 4 MiB.
	MaxText int
	// Open opens a file that \i or \ir names; \ir's names are relative to
	// the file they stand in, \i's to the working directory, as in psql.
	// Without it the files are not followed, which is a doubt.
	Open func(name string) (io.ReadCloser, error)
}

// Reader reads a file and those it includes. It is not for concurrent use.
type Reader struct {
	options Options
	sources []*source
	queue   []Item
	err     error

	// set are the variables that were set so far; anySet is true after
	// \gset, which may set any.
	set    map[string]bool
	anySet bool
	// moved is true after \cd.
	moved bool
	// output is where \o sends results.
	output Local
	// restricted is true after \restrict.
	restricted bool
}

// source is one file being read.
type source struct {
	reader *Reader
	lines  *lines
	close  func() error
	lex    lexer
	at     cursor
	query  gathered
	// previous is what was sent last; \g without a text sends it again.
	previous gathered
	// addedNewline is the length of the text right after a line break was
	// added to it, -1 if none was.
	addedNewline int64

	// held is true between goose's StatementBegin and StatementEnd.
	held bool
	// wasHeld is true when what was held is about to be sent.
	wasHeld bool
	section string
	ignores []Ignore
	// ifs is how many \if are open.
	ifs int
}

// NewReader reads from a stream that is called name in items and errors.
func NewReader(name string, in io.Reader, o Options) *Reader {
	if o.MaxText <= 0 {
		o.MaxText = defaultMaxText
	}
	r := &Reader{options: o, set: map[string]bool{}}
	r.push(name, in, nil)
	return r
}

func (r *Reader) push(name string, in io.Reader, closing func() error) {
	s := &source{reader: r, lines: newLines(name, in), close: closing, addedNewline: -1}
	s.query.max, s.previous.max = r.options.MaxText, r.options.MaxText
	r.sources = append(r.sources, s)
}

func (r *Reader) pop() {
	last := r.sources[len(r.sources)-1]
	r.sources = r.sources[:len(r.sources)-1]
	if last.close != nil {
		if err := last.close(); err != nil {
			last.fail(fmt.Errorf("%s: %w", last.lines.name, err))
		}
	}
}

// Close closes the included files that are still open. The reader's own
// stream is the caller's.
func (r *Reader) Close() error {
	for len(r.sources) > 0 {
		r.pop()
	}
	return r.err
}

// Next returns the next item, and io.EOF after the last. Every other error has
// the place in the file in it and ends the reading.
func (r *Reader) Next() (Item, error) {
	for len(r.queue) == 0 {
		switch {
		case r.err != nil:
			return Item{}, r.err
		case len(r.sources) == 0:
			return Item{}, io.EOF
		case r.options.Wire:
			r.wire(r.sources[0])
		default:
			r.sources[len(r.sources)-1].step()
		}
	}
	item := r.queue[0]
	r.queue = r.queue[1:]
	return item, nil
}

// fail keeps the first error; what was read before it is still returned.
func (s *source) fail(err error) {
	if s.reader.err == nil {
		s.reader.err = err
	}
}

// step reads one line, or what is left of it up to the next command.
func (s *source) step() {
	if s.at.pos >= len(s.at.line) && !s.nextLine() {
		return
	}
	switch s.scan() {
	case atSemicolon:
		s.send(nil)
	case atBackslash:
		s.command()
	case atEnd:
	}
}

// nextLine begins the next line and reports whether there is something in it.
func (s *source) nextLine() bool {
	line, err := s.lines.read()
	switch {
	case errors.Is(err, io.EOF):
		s.finish()
		return false
	case err != nil:
		s.fail(err)
		return false
	case line == "" && !s.lex.quoting():
		return false
	}
	s.addedNewline = -1
	if !s.query.empty() {
		s.query.add("\n", s.placeAfter())
		s.addedNewline = s.query.length()
	}
	s.at = cursor{line: line, number: s.lines.number, start: s.lines.start, column: 1, broken: true}
	return true
}

// placeAfter is the place of the line break at the end of the line, if it does
// not follow what was added last.
func (s *source) placeAfter() *piece {
	if !s.at.broken {
		return nil
	}
	return s.place()
}

// place is the current place in the file.
func (s *source) place() *piece {
	return &piece{offset: s.at.start + int64(s.at.pos), line: s.at.number, column: s.at.columnHere()}
}

// finish sends what has no semicolon at the end of the file.
func (s *source) finish() {
	if !s.query.empty() {
		s.send(nil)
	}
	s.reader.pop()
}

// send makes the text an item and skips the COPY data that follow.
func (s *source) send(command *Command) {
	s.lex.copies.end()
	if found := s.lex.copies; found.found > 0 {
		s.query.copies, s.query.binary = found.found, found.binary
	}
	s.lex.copies = copyWatch{}
	item := s.item(s.query.text, s.query.pieces)
	item.Cut, item.Variables, item.Doubts = s.query.cut, s.query.variables, s.query.doubts
	item.Command, item.Local = command, s.reader.output
	s.previous = s.query
	s.query = gathered{max: s.query.max}
	s.addedNewline = -1
	if s.readsData(command) {
		s.inlineData(&item, s.previous.copies, s.previous.binary)
	}
	s.wasHeld = false
	s.put(item)
}

// readsData reports whether psql reads COPY data when it has sent a text in
// this way. It does not run what it only describes or prepares, and it refuses
// to watch a COPY. What goose holds together is not for psql.
func (s *source) readsData(c *Command) bool {
	if s.held || s.wasHeld {
		return false
	}
	return c == nil || c.Name != "gdesc" && c.Name != "parse" && c.Name != "sendpipeline" && c.Name != "watch"
}

// item begins an item at the place of a text.
func (s *source) item(text []byte, pieces []piece) Item {
	item := Item{
		File: s.lines.name, Text: string(text), pieces: pieces,
		Section: s.section, Conditional: s.ifs > 0, Ignores: s.ignores,
	}
	s.ignores = nil
	if len(pieces) > 0 {
		item.Line, item.Column, item.Offset = pieces[0].line, pieces[0].column, pieces[0].offset
	}
	return item
}

func (s *source) put(item Item) { s.reader.queue = append(s.reader.queue, item) }

// inlineData skips the data of COPY FROM STDIN, which begin on the line after
// this one.
func (s *source) inlineData(item *Item, sections int, binary bool) {
	item.Copies = sections
	if sections > 0 && binary {
		s.fail(s.errorf("binary COPY data within a script cannot be told from commands; load them from a file of their own"))
		return
	}
	if sections > 0 && s.ifs > 0 {
		item.Doubts = append(item.Doubts, "in a branch that is not taken psql reads the lines of data as commands")
	}
	for range sections {
		n, err := s.lines.skipData()
		if err != nil {
			s.fail(err)
			return
		}
		item.DataLines += n
	}
}

// errorf makes an error about the current place.
func (s *source) errorf(format string, args ...any) error {
	return s.errorAt(*s.place(), format, args...)
}

func (s *source) errorAt(place piece, format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: %w", s.lines.name, place.line, place.column, fmt.Errorf(format, args...))
}
