package mask

import (
	"errors"
	"fmt"
	"strconv"
)

// Kind is what a mask does. Its zero value is no mask at all, and refused.
type Kind uint8

// The kinds of masks.
const (
	// Pass leaves the column as it is.
	Pass Kind = iota + 1
	// Null makes every value NULL.
	Null
	// Constant makes every value that is not NULL the same.
	Constant
	// Partial keeps characters at the ends of a text and replaces each of the
	// others; of a text with no more characters than it would keep it
	// replaces all. The number of characters stays visible.
	Partial
	// Date cuts a date or time down to a year, month or day.
	Date
	// Band takes a number down to the lower bound of its band.
	Band
	// Pseudonym replaces a value by a keyed hash, or an integer by another.
	Pseudonym
)

var kindNames = map[Kind]string{
	Pass: "pass", Null: "null", Constant: "constant", Partial: "partial", Date: "date", Band: "band", Pseudonym: "pseudonym",
}

// String is the kind as policies write it.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Unit is what a date is cut down to.
type Unit uint8

// The units, coarsest first.
const (
	Year Unit = iota + 1
	Month
	Day
)

var unitNames = map[Unit]string{Year: "year", Month: "month", Day: "day"}

// String is the unit as policies write it.
func (u Unit) String() string { return unitNames[u] }

// Shape is what the pseudonym of a text looks like.
type Shape uint8

// The shapes.
const (
	// AsValue makes e-mail addresses of what has an @ inside, else tokens.
	AsValue Shape = iota
	// AsToken makes 16 characters.
	AsToken
	// AsEmail makes addresses at m.invalid, 26 characters. That domain can
	// never receive mail (RFC 6761, 6.4).
	AsEmail
)

// String is the shape as part of a mask's words.
func (s Shape) String() string { return [...]string{"", ", as token", ", as email"}[min(s, AsEmail)] }

// Mask says what becomes of the values of a column. Its zero value is refused:
// a column that may leave as it is has the mask Pass.
type Mask struct {
	Kind Kind
	// Value is that of Constant, as PostgreSQL reads it for the column's type.
	Value string
	// KeepFirst and KeepLast are the characters that Partial keeps.
	KeepFirst, KeepLast int
	// With is what Partial writes for each of the others: a visible ASCII
	// character, * if 0.
	With byte
	// To is the unit of Date.
	To Unit
	// Width is how wide the bands are: a decimal number above zero with at
	// most 15 digits, such as 10 or 0.5.
	Width string
	// Domain is what a Pseudonym stands for, such as email: equal values in
	// one domain have equal pseudonyms.
	Domain string
	// Key is the key of Pseudonym.
	Key Key
	// As is the shape of a Pseudonym in columns of text.
	As Shape
	// Fold lets a Pseudonym of a text ignore white space around it, Unicode
	// form and case.
	Fold bool
}

// Masks reports whether values are changed at all.
func (m Mask) Masks() bool { return m.Kind != Pass }

// ForSecret is true if nothing of the value is left, not even a hash: the only
// masks for credentials.
func (m Mask) ForSecret() bool { return m.Kind == Null || m.Kind == Constant }

// String says in a few words what the mask does, as a reason in a decision. It
// has no key in it.
func (m Mask) String() string {
	switch m.Kind {
	case Partial:
		return fmt.Sprintf("partial (keep_first %d, keep_last %d)", m.KeepFirst, m.KeepLast)
	case Date:
		return "date (to " + m.To.String() + ")"
	case Band:
		return "band (width " + m.Width + ")"
	case Pseudonym:
		return "pseudonym (domain " + strconv.Quote(m.Domain) + m.As.String() + map[bool]string{true: ", fold"}[m.Fold] + ")"
	}
	return m.Kind.String()
}

var (
	errNoMask    = errors.New("no mask is given; a column that may leave as it is needs the mask pass")
	errPartial   = errors.New("keep_first and keep_last of a partial mask must not be negative")
	errWith      = errors.New("what a partial mask writes must be one visible ASCII character, such as *")
	errUnit      = errors.New("a date mask goes to year, month or day")
	errNoDomain  = errors.New("a pseudonym needs a domain, such as email")
	errNoKey     = errors.New("a pseudonym needs a key")
	errBandWidth = errors.New("the width of a band must be a decimal number above zero with at most 15 digits, such as 10 or 0.5")
)

// Valid says what is wrong with the mask itself, whatever it is used on.
func (m Mask) Valid() error {
	switch m.Kind {
	case Pass, Null, Constant:
		return nil
	case Partial:
		return m.validPartial()
	case Date:
		if m.To < Year || m.To > Day {
			return errUnit
		}
		return nil
	case Band:
		_, err := readWidth(m.Width)
		return err
	case Pseudonym:
		return m.validPseudonym()
	}
	return errNoMask
}

func (m Mask) validPartial() error {
	if m.KeepFirst < 0 || m.KeepLast < 0 {
		return errPartial
	}
	if m.With != 0 && (m.With <= ' ' || m.With > '~') {
		return errWith
	}
	return nil
}

func (m Mask) validPseudonym() error {
	if m.Domain == "" {
		return errNoDomain
	}
	if m.Key.IsZero() {
		return errNoKey
	}
	if m.As > AsEmail {
		return fmt.Errorf("there is no shape %d for a pseudonym", m.As)
	}
	return nil
}
