package statement

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// carryScheme begins the file name of a COPY whose rows the proxy is to carry
// to a place of the policy. No server has such a file: it refuses relative paths.
const carryScheme = "sluice://"

// Carry is where a COPY ... TO 'sluice://...' asks to have its rows carried:
//
//	sluice://PLACE[/SCHEMA.TABLE][?existing=swap|append][&expires=7d]
//
// Names are written as in SQL: in lower case unless they stand in double quotes.
type Carry struct {
	// Place is the name of a destination of the policy.
	Place string `json:"place,omitempty"`
	// Schema and Table are the target; both are empty for the name that the
	// source has.
	Schema string `json:"schema,omitempty"`
	Table  string `json:"table,omitempty"`
	// Existing says what becomes of a table that is there already.
	Existing Existing `json:"existing,omitempty"`
	// Expires is how long the copy is to live, in seconds; zero for as long as
	// the policy lets it.
	Expires int `json:"expires,omitempty"`
	// Problem says what is wrong with the address, in words without a literal;
	// empty if nothing is.
	Problem string `json:"problem,omitempty"`
}

// Existing says what becomes of a table that stands in the way of a copy.
type Existing string

// What becomes of a table that is there already.
const (
	// RefuseExisting: the copy is refused.
	RefuseExisting Existing = ""
	// SwapExisting: the copy takes its place.
	SwapExisting Existing = "swap"
	// AppendExisting: the rows are added to it.
	AppendExisting Existing = "append"
)

// carried notes a COPY to a place, and reports whether it is one.
func (w *walker) carried(s *pg.CopyStmt) bool {
	if s.IsFrom || s.IsProgram || !strings.HasPrefix(s.Filename, carryScheme) {
		return false
	}
	c := &Carry{}
	if err := c.read(strings.TrimPrefix(s.Filename, carryScheme)); err != nil {
		c.Problem = err.Error()
	} else if len(s.Options) > 0 {
		c.Problem = "a COPY that is carried takes no options: both ends are written by Sluice"
	} else if c.Table == "" && s.Relation == nil {
		c.Problem = "a query has no name that the copy could have: write the target behind the place, as sluice://" + c.Place + "/schema.table"
	}
	w.st.Carry = c
	w.effect(ExportRemote, "COPY to a place", w.st.Start)
	w.destination(Destination{Type: ToPlace, Name: c.Place, Position: w.st.Start})
	return true
}

const carryForm = "write sluice://place/schema.table"

func (c *Carry) read(address string) error {
	place, rest := address, ""
	if at := strings.IndexAny(address, "/?"); at >= 0 {
		place, rest = address[:at], address[at:]
	}
	if !placeName(place) {
		return fmt.Errorf("no place is named: %s", carryForm)
	}
	c.Place = place
	if target, is := strings.CutPrefix(rest, "/"); is {
		var err error
		if rest, err = c.readTarget(target); err != nil {
			return err
		}
	}
	switch {
	case rest == "":
		return nil
	case rest[0] != '?':
		return fmt.Errorf("something stands behind the table's name: %s", carryForm)
	}
	for pair := range strings.SplitSeq(rest[1:], "&") {
		if err := c.readChoice(pair); err != nil {
			return err
		}
	}
	return nil
}

// placeName reports whether a text has the form of a destination's name in a
// policy.
func placeName(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for i := range len(s) {
		letter := s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9'
		if !letter && (i == 0 || strings.IndexByte("._-", s[i]) < 0) {
			return false
		}
	}
	return true
}

func (c *Carry) readTarget(text string) (rest string, err error) {
	if c.Schema, rest, err = readName(text); err != nil {
		return "", err
	}
	if !strings.HasPrefix(rest, ".") {
		return "", fmt.Errorf("the target has no schema: %s", carryForm)
	}
	if c.Table, rest, err = readName(rest[1:]); err != nil {
		return "", err
	}
	return rest, nil
}

// mostName is how long a name may be, in bytes (NAMEDATALEN-1).
const mostName = 63

// readName takes an identifier off a text, as SQL writes it (manual, section
// 4.1.1). A name that the server would cut is none.
func readName(text string) (name, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		name, rest, err = readQuoted(text)
	} else {
		end := 0
		for end < len(text) && plainByte(text[end], end == 0) {
			end++
		}
		name, rest = foldASCII(text[:end]), text[end:]
	}
	switch {
	case err != nil:
	case name == "":
		err = fmt.Errorf("a name is missing: %s", carryForm)
	case len(name) > mostName:
		err = fmt.Errorf("a name is longer than %d bytes", mostName)
	}
	return name, rest, err
}

func readQuoted(text string) (name, rest string, err error) {
	var b strings.Builder
	for at := 1; at < len(text); at++ {
		if text[at] != '"' {
			b.WriteByte(text[at])
			continue
		}
		if at+1 < len(text) && text[at+1] == '"' {
			b.WriteByte('"')
			at++
			continue
		}
		return b.String(), text[at+1:], nil
	}
	return "", "", fmt.Errorf("a double quote is not closed: %s", carryForm)
}

// plainByte reports whether a byte can stand in a name without quotes.
func plainByte(b byte, first bool) bool {
	if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= 0x80 {
		return true
	}
	return !first && (b >= '0' && b <= '9' || b == '$')
}

func foldASCII(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] >= 'A' && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// readChoice reads existing=... or expires=...; each may stand once.
func (c *Carry) readChoice(pair string) error {
	name, value, _ := strings.Cut(pair, "=")
	switch {
	case name == "existing" && c.Existing != "", name == "expires" && c.Expires != 0:
		return fmt.Errorf("%s stands twice", name)
	case name == "existing":
		if c.Existing = Existing(value); c.Existing != SwapExisting && c.Existing != AppendExisting {
			c.Existing = RefuseExisting
			return errors.New("existing is swap (the copy takes the place of the table that is there) or append (its rows are added)")
		}
	case name == "expires":
		d, err := readSpan(value)
		if err != nil {
			return err
		}
		c.Expires = int(d / time.Second)
	default:
		return errors.New("what stands behind the ? is existing=swap, existing=append or expires=7d, joined by &")
	}
	return nil
}

// readSpan reads a time in days, hours or minutes: 7d, 36h, 90m.
func readSpan(text string) (time.Duration, error) {
	const form = "expires is a number of days, hours or minutes, such as 7d, 36h or 90m, up to 3650d"
	if len(text) < 2 || len(text) > 8 {
		return 0, errors.New(form)
	}
	unit, known := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}[text[len(text)-1]]
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 31)
	if !known || err != nil || n == 0 || time.Duration(n) > 3650*24*time.Hour/unit {
		return 0, errors.New(form)
	}
	return time.Duration(n) * unit, nil
}
