package ledger

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/audit/record"
)

// Limits of what a body may hold. Together they keep every body within one
// record of the trail.
const (
	// MaxRelations is how many relations one copy has.
	MaxRelations = 2000
	// MaxColumns is how many columns all relations of a copy have together.
	MaxColumns = 50_000
	// MaxFactsBytes is the longest form of protection facts that stands in
	// the event itself; longer ones go into the store.
	MaxFactsBytes = 64 << 10
	// MaxText is the longest text for people, in bytes.
	MaxText = 2000
	// MaxList is how many deficits, warnings, grants or pieces of evidence
	// one body holds.
	MaxList = 100

	maxName = 255 // of a relation, column, role, place; PostgreSQL's have 63 bytes by default
	// maxBodyBytes leaves room for the rest of a record of 1 MiB.
	maxBodyBytes = 1<<20 - 4096
)

const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

// ValidID tells whether s is the id of a copy: 26 characters of a-z and 2-7.
func ValidID(s string) bool { return len(s) == 26 && partOfID(s) }

// partOfID tells whether s has only characters of an id.
func partOfID(s string) bool { return strings.Trim(s, idAlphabet) == "" }

// check collects what is wrong with a body.
type check struct {
	event string
	wrong []string
}

// checking begins the check of an event about a copy.
func checking(event, id string) *check {
	c := &check{event: event}
	c.must(ValidID(id), "copy %.40q is not 26 characters of a-z and 2-7", id)
	return c
}

func (c *check) must(good bool, format string, args ...any) {
	if !good && len(c.wrong) < 5 {
		c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
	}
}

func (c *check) err() error {
	if len(c.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("ledger: %s: %w: %s", c.event, ErrBody, strings.Join(c.wrong, "; "))
}

// name is for what must be there: a role, a relation, a place.
func (c *check) name(what, s string) {
	c.must(s != "", "%s is missing", what)
	c.maybe(what, s)
}

// maybe is for a name that may be missing.
func (c *check) maybe(what, s string) { c.bounded(what, s, maxName) }

// text is for a sentence that must be there.
func (c *check) text(what, s string) {
	c.must(s != "", "%s is missing", what)
	c.bounded(what, s, MaxText)
}

func (c *check) bounded(what, s string, limit int) {
	c.must(len(s) <= limit, "%s has %d bytes, more than %d", what, len(s), limit)
	c.must(utf8.ValidString(s) && !strings.Contains(s, "\x00"), "%s is not text", what)
}

func (c *check) texts(what string, list []string) {
	c.must(len(list) <= MaxList, "%s are %d, more than %d", what, len(list), MaxList)
	for _, s := range list {
		c.text("one of "+what, s)
	}
}

// system is a system identifier of pg_control_system(): a 64-bit number.
func (c *check) system(what, s string) {
	n, err := strconv.ParseUint(s, 10, 64)
	c.must(err == nil && strconv.FormatUint(n, 10) == s && n > 0, "%s %.30q is not a system identifier", what, s)
}

// sum is a SHA-256 in lower-case hexadecimal digits.
func (c *check) sum(what, s string) {
	c.must(record.ValidDigest(s), "%s is not 64 lower-case hexadecimal digits", what)
}

func (c *check) count(what string, n int64) {
	c.must(n >= 0 && n < 1<<53, "%s is %d, not a count", what, n)
}

func (c *check) moment(what string, m Moment) {
	c.must(!m.IsZero(), "%s is missing", what)
	c.must(m.IsZero() || m.Year() >= 1970 && m.Year() <= 9999, "%s is in the year %d", what, m.Year())
	c.must(m.Equal(At(m.Time).Time), "%s is finer than a microsecond", what)
}

// oneOf is for a word out of a list.
func oneOf[W ~string](c *check, what string, word W, words ...W) {
	for _, w := range words {
		if w == word {
			return
		}
	}
	c.must(false, "%s %.40q is none of %v", what, word, words)
}
