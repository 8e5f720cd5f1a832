package cases

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

const (
	defaultsWord = "defaults"
	lineForm     = `a case is written VERDICT USER [key=value ...] "TEXT"`
	bom          = "\uFEFF"
)

// readLines reads the one-line form.
func readLines(name string, data []byte) (*File, error) {
	document, err := strictyaml.Lines(name, data)
	if err != nil {
		return nil, err
	}
	text := string(data)
	r := &lineReader{scanner: newScanner(text), starts: lineStarts(text), errs: document.Errors(), defaults: NewQuestion()}
	f := &File{Name: name, data: bytes.Clone(data), document: document, lines: true}
	for r.next() {
		start := r.at
		c, isCase, err := r.entry()
		if err != nil {
			r.errs.Addf(r.position(err.at), "%s", err.message)
			r.resume(start)
			continue
		}
		if isCase {
			f.Cases = append(f.Cases, c)
		}
	}
	if err := finish(f, r.errs); err != nil {
		return nil, err
	}
	return f, nil
}

// lineReader reads entry after entry.
type lineReader struct {
	*scanner
	starts   []int
	errs     *strictyaml.Errors
	defaults Question
}

// mistake is what is wrong at a byte of the file.
type mistake struct {
	at      int
	message string
}

func wrong(at int, format string, args ...any) *mistake {
	return &mistake{at, fmt.Sprintf(format, args...)}
}

// next goes to the beginning of the next entry, and reports whether there
// is one.
func (r *lineReader) next() bool {
	for r.at < len(r.text) {
		switch {
		case strings.IndexByte(blanks+"\n", r.text[r.at]) >= 0:
			r.at++
		case r.text[r.at] == '#':
			r.toLineEnd()
		default:
			return true
		}
	}
	return false
}

// resume goes on after a mistake in the entry that begins at start: on the
// next line, or behind the text in several lines that the entry has, so that
// its lines are not taken for cases.
func (r *lineReader) resume(start int) {
	r.at = start
	line := r.line()
	tag := someDollarTag.FindStringIndex(line)
	if tag == nil {
		r.toLineEnd()
		return
	}
	r.at += tag[1]
	if end := strings.Index(r.text[r.at:], line[tag[0]:tag[1]]); end >= 0 {
		r.at += end
		r.toLineEnd()
		return
	}
	// Where the text should have ended is not known: go on where a case
	// seems to begin.
	for r.at < len(r.text) {
		r.toLineEnd()
		r.at = min(r.at+1, len(r.text))
		word, _, _ := strings.Cut(r.line(), " ")
		if word == defaultsWord || slices.Contains(verdictWords, word) {
			return
		}
	}
}

// entry reads a case, or the defaults of the cases below.
func (r *lineReader) entry() (Case, bool, *mistake) {
	start := r.at
	word := r.bare()
	if word == defaultsWord {
		return Case{}, false, r.defaultsLine()
	}
	c := Case{Place: r.position(start), Question: r.defaults, verdict: span{start, r.at}}
	if c.Expect.Verdict.UnmarshalText([]byte(word)) != nil {
		return c, false, wrong(start, "%q is not a verdict%s", word, orKnown(word, append(slices.Clone(verdictWords), defaultsWord)))
	}
	r.skipBlanks()
	who := r.at
	user, err := r.value()
	if err != nil {
		return c, false, err
	}
	if user == "" || user[0] == '#' && r.text[who] == '#' || strings.Contains(user, "=") && r.text[who] != '"' {
		return c, false, wrong(who, "who asks? %s", lineForm)
	}
	c.Question.Identity.User = user
	text, err := r.restOf(&c)
	if err != nil {
		return c, false, err
	}
	c.Question.Texts = []string{text}
	return c, true, r.end()
}

// restOf reads the keys of a case and its text.
func (r *lineReader) restOf(c *Case) (string, *mistake) {
	seen := map[string]bool{}
	for {
		r.skipBlanks()
		switch {
		case r.atLineEnd():
			return "", wrong(r.at, "the text is missing: %s", lineForm)
		case r.text[r.at] == '"':
			return r.quoted()
		case r.text[r.at] == '$':
			return r.dollarQuoted()
		}
		at := r.at
		key, value, err := r.pair(seen)
		if err != nil {
			return "", err
		}
		if fault := c.set(key, value); fault != nil {
			return "", wrong(at, "%v", fault)
		}
	}
}

// set sets a fact of a case or an expectation.
func (c *Case) set(key, value string) error {
	switch key {
	case "rule":
		if value == "" {
			return fmt.Errorf("rule has no value")
		}
		c.Expect.Rule = value
	case "kind":
		if _, err := statement.ParseKind(value); err != nil {
			return fmt.Errorf("%q is not a kind%s", value, orKnown(value, kindWords()))
		}
		c.Expect.Kind = value
	default:
		return c.Question.Set(key, value)
	}
	return nil
}

// defaultsLine reads facts for the cases below.
func (r *lineReader) defaultsLine() *mistake {
	seen := map[string]bool{}
	for {
		r.skipBlanks()
		if r.atLineEnd() || r.text[r.at] == '#' {
			break
		}
		at := r.at
		key, value, err := r.pair(seen)
		if err != nil {
			return err
		}
		if key == "rule" || key == "kind" {
			return wrong(at, "%s is an expectation of one case, not a default", key)
		}
		if fault := r.defaults.Set(key, value); fault != nil {
			return wrong(at, "%v", fault)
		}
	}
	if len(seen) == 0 {
		return wrong(r.at, "the line of defaults sets nothing: write it like %s database=shop tls=yes", defaultsWord)
	}
	return r.end()
}

// pair reads key=value.
func (r *lineReader) pair(seen map[string]bool) (key, value string, _ *mistake) {
	at := r.at
	key = r.key()
	if r.at >= len(r.text) || r.text[r.at] != '=' || key == "" {
		r.bare()
		return "", "", wrong(at, "%q is neither key=value nor a text in quotes: %s", r.text[at:r.at], lineForm)
	}
	r.at++
	value, err := r.value()
	if err != nil {
		return "", "", err
	}
	if seen[key] {
		return "", "", wrong(at, "key %s stands twice in this line", key)
	}
	seen[key] = true
	return key, value, nil
}

// end refuses what stands behind the last word of an entry.
func (r *lineReader) end() *mistake {
	r.skipBlanks()
	if !r.atLineEnd() && r.text[r.at] != '#' {
		return wrong(r.at, "something stands behind the text: one case a line, and the text comes last")
	}
	return nil
}

// position turns a byte of the file into a line and column.
func (r *lineReader) position(at int) strictyaml.Position {
	at = min(at, len(r.text))
	line := sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > at })
	before := strings.TrimPrefix(r.text[r.starts[line-1]:at], bom)
	return strictyaml.Position{Line: line, Column: utf8.RuneCountInString(before) + 1}
}

// lineStarts lists where the lines of a text begin.
func lineStarts(text string) []int {
	starts := []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}
