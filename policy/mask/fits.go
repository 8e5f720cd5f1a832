package mask

import (
	"fmt"
	"unicode/utf8"
)

// The lengths of pseudonyms in columns of text, in characters.
const (
	tokenLength = 16
	emailLength = tokenLength + len(emailSuffix)
	emailSuffix = "@m.invalid"
)

// int8Digits is how many digits the permuted integers may have.
const int8Digits = 19

// Fits says whether the mask can take the place of values of the type, and
// what to do if it cannot. It knows nothing of constraints: that is Check.
func (m Mask) Fits(t Type) error {
	if err := m.Valid(); err != nil {
		return err
	}
	switch m.Kind {
	case Pass, Null:
		return nil
	case Constant:
		_, _, err := constantOf(m.Value, t)
		return err
	case Partial:
		if !t.family().isText() {
			return fmt.Errorf("a partial mask is for text, not for %s; use constant or null", t.words())
		}
		return nil
	case Date:
		return m.dateFits(t)
	case Band:
		return m.bandFits(t)
	}
	return m.pseudonymFits(t)
}

func (m Mask) dateFits(t Type) error {
	f := t.family()
	if !f.in(date, timestamp, timestamptz) {
		return fmt.Errorf("a date mask is for date and timestamp, not for %s; use constant or null", t.words())
	}
	if f == date && m.To == Day {
		return fmt.Errorf("a date to the day is the date itself; use month or year")
	}
	return nil
}

func (m Mask) bandFits(t Type) error {
	w, err := readWidth(m.Width)
	if err != nil {
		return err
	}
	f := t.family()
	switch {
	case f.isInteger():
		if w.scale > 0 || w.size < 2 {
			return fmt.Errorf("a band of %s needs a whole width of at least 2, not %s", t.words(), m.Width)
		}
	case f == numeric:
		if all, behind := t.precision(); all > 0 && (w.scale > behind || w.scale == behind && w.size == 1) {
			return fmt.Errorf("bands of %s are too narrow for %s; take a width of at least two units of its last digit", m.Width, t.words())
		}
	case !f.in(float4, float8):
		return fmt.Errorf("a band is for numbers, not for %s; use constant or null", t.words())
	}
	return nil
}

func (m Mask) pseudonymFits(t Type) error {
	f := t.family()
	switch {
	case f.isText():
		return m.textPseudonymFits(t)
	case f == int2:
		return fmt.Errorf("a smallint has too few values for a pseudonym to hide one; use band, constant or null")
	case f == numeric:
		if all, behind := t.precision(); behind != 0 || all != 0 && all < int8Digits {
			return fmt.Errorf("pseudonyms of integers can have %d digits, too many for %s; use band, constant or null", int8Digits, t.words())
		}
		return nil
	case f.in(int4, int8, uuid, bytea, macaddr):
		return nil
	}
	return fmt.Errorf("there is no pseudonym for %s; use constant or null", t.words())
}

func (m Mask) textPseudonymFits(t Type) error {
	length := t.length()
	if m.As != AsToken && length < emailLength {
		return fmt.Errorf("a pseudonym may be an address of %d characters, too long for %s; use as: token (%d characters), partial, constant or null",
			emailLength, t.words(), tokenLength)
	}
	if length < tokenLength {
		return fmt.Errorf("a pseudonym has %d characters, too many for %s; use partial, constant or null", tokenLength, t.words())
	}
	return nil
}

// tooLong says whether a constant has more characters than the type takes.
func tooLong(value string, t Type) error {
	length := utf8.RuneCountInString(value)
	if t.family() == name {
		length = len(value)
	}
	if length > t.length() {
		return fmt.Errorf("the constant has %d characters, too many for %s", length, t.words())
	}
	return nil
}
