package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a document. The YAML library needs time that grows with the
// square of a line's length and of the nesting, and stack that grows with
// the nesting; within these limits both stay small.
const (
	// MaxBytes is the size of the largest document accepted.
	MaxBytes = 1 << 20
	// MaxLine is the length of the longest line accepted, in bytes.
	MaxLine = 4096
	// MaxNesting is the deepest nesting accepted, of brackets and of
	// indentation.
	MaxNesting = 32
)

// Document is a document that was read and found well formed.
type Document struct {
	name  string
	lines []string
	body  ast.Node
	// unread holds the scalars of the text that the walk has not met yet.
	unread map[*token.Token]bool
}

// DecodeStrict reads a document into the value that into points at. An
// empty document leaves the value alone. The error joins one *Error per
// mistake; the value is then not to be used.
func DecodeStrict(name string, data []byte, into any) error {
	document, err := Open(name, data)
	if err != nil {
		return err
	}
	return document.Decode(into)
}

// Open reads a document without decoding it. The name is used in errors
// only. The error joins one *Error per mistake.
func Open(name string, data []byte) (*Document, error) {
	d := &Document{name: name, unread: map[*token.Token]bool{}}
	if err := d.split(data); err != nil {
		return nil, err
	}
	if err := d.parse(strings.Join(d.lines, "\n")); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Document) tooLarge(size int) error {
	return d.errorAt(Position{}, fmt.Sprintf("the document has %d bytes; at most %d (1 MiB) are read: split it", size, MaxBytes))
}

// Errors returns an empty collection for mistakes found by the caller.
func (d *Document) Errors() *Errors { return &Errors{document: d} }

// At writes a place as name:line:column.
func (d *Document) At(p Position) string { return fmt.Sprintf("%s:%d:%d", d.name, p.Line, p.Column) }

func (d *Document) line(number int) (string, bool) {
	if number < 1 || number > len(d.lines) {
		return "", false
	}
	return d.lines[number-1], true
}

// checkText refuses bytes that hide something from a reader, and lines that
// are too long.
func (d *Document) checkText() error {
	errs := d.Errors()
	for i, line := range d.lines {
		if len(line) > MaxLine {
			errs.Addf(Position{i + 1, 1}, "this line has %d bytes, at most %d are read: break it into several", len(line), MaxLine)
			continue
		}
		if !utf8.ValidString(line) {
			errs.Addf(Position{i + 1, 1}, "this line is not valid UTF-8")
			continue
		}
		if at := strings.IndexFunc(line, forbidden); at >= 0 {
			char, _ := utf8.DecodeRuneInString(line[at:])
			column := utf8.RuneCountInString(line[:at]) + 1
			errs.Addf(Position{i + 1, column}, "the invisible character %U is not accepted here: remove it", char)
		}
	}
	return errs.Err()
}

// forbidden tells characters that control a terminal, break lines in some
// programs only, or change the order in which text is shown.
func forbidden(r rune) bool {
	switch {
	case r == '\t':
		return false
	case r < 0x20, r >= 0x7F && r <= 0x9F:
		return true
	case r >= 0x200B && r <= 0x200F, r >= 0x2028 && r <= 0x202E:
		return true
	case r >= 0x2060 && r <= 0x206F, r == 0xFEFF, r == 0x061C, r == 0x00AD:
		return true
	}
	return false
}

// parse fills the document's body. A panic of the YAML library is a
// document that cannot be read.
func (d *Document) parse(text string) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = d.errorAt(Position{}, "the document cannot be read as YAML")
		}
	}()
	tokens := lexer.Tokenize(text)
	if err := d.checkTokens(tokens); err != nil {
		return err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return d.syntaxError(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if d.body != nil {
			return d.errorAt(position(cmp.Or(doc.Start, doc.Body.GetToken())), "a second document starts here; one file holds one document")
		}
		d.body = doc.Body
	}
	return nil
}

func (d *Document) syntaxError(err error) error {
	var located yaml.Error
	if errors.As(err, &located) {
		at := position(located.GetToken())
		if d.tabIndents(at) {
			return d.errorAt(at, tabWords)
		}
		return d.errorAt(at, "not valid YAML: "+located.GetMessage())
	}
	return d.errorAt(Position{}, "not valid YAML")
}

func position(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{}
	}
	return Position{Line: t.Position.Line, Column: t.Position.Column}
}
