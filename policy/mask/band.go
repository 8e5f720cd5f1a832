package mask

import (
	"fmt"
	"strconv"
)

// errBeyond is for numbers whose band begins below the least that fits.
var errBeyond = fmt.Errorf("the lower bound of the value's band does not fit the type of the column; use constant or null")

// newBand makes the changer of Band.
func newBand(m Mask, t Type) (changer, error) {
	w, err := readWidth(m.Width)
	if err != nil {
		return nil, err
	}
	f := t.family()
	if f.isInteger() {
		return &integerBand{width: int64(w.size), family: f}, nil
	}
	all, behind := t.precision()
	return &decimalBand{width: w, family: f, whole: all - behind, scale: behind, limited: all > 0}, nil
}

// integerBand is the changer of integers. A band that begins below the least
// value of the type begins there.
type integerBand struct {
	width  int64
	family family
}

func (b *integerBand) lower(n int64) int64 {
	least := lowest(b.family)
	_, rest := floorDivide(n, b.width)
	if n < least+rest {
		return least
	}
	return n - rest
}

func (b *integerBand) text(dst, value []byte) ([]byte, error) {
	n, err := readInteger(value)
	if err != nil || n < lowest(b.family) || n > ^lowest(b.family) {
		return dst, errBadText
	}
	return appendDecimalInteger(dst, b.lower(n)), nil
}

func (b *integerBand) binary(dst, value []byte) ([]byte, error) {
	n, err := integerOf(value, b.family)
	if err != nil {
		return dst, err
	}
	return appendInteger(dst, b.lower(n), b.family)
}

// decimalBand is the changer of numeric and of floats, which are taken as the
// shortest decimal number that reads as the same float. NaN and the infinities
// stay.
type decimalBand struct {
	width  width
	family family
	// whole and scale are the digits that a numeric takes before and behind
	// the point, if it is limited.
	whole, scale            int
	limited                 bool
	printed, digits, answer []byte
}

func (b *decimalBand) text(dst, value []byte) ([]byte, error) {
	if b.family == numeric {
		return b.lower(dst, value)
	}
	if notANumber(value) {
		return append(dst, value...), nil
	}
	if !isFloat(value) {
		return dst, errBadText
	}
	bits := b.bits()
	x, err := strconv.ParseFloat(string(value), bits)
	if err != nil {
		return dst, errBadText
	}
	b.printed = strconv.AppendFloat(b.printed[:0], x, 'f', -1, bits)
	return b.lower(dst, b.printed)
}

func (b *decimalBand) bits() int {
	if b.family == float4 {
		return 32
	}
	return 64
}

func (b *decimalBand) binary(dst, value []byte) ([]byte, error) {
	if b.family == numeric {
		return b.numericBinary(dst, value)
	}
	x, bits, err := floatOf(value, b.family)
	if err != nil {
		return dst, err
	}
	if x-x != 0 { // NaN or an infinity
		return append(dst, value...), nil
	}
	b.printed = strconv.AppendFloat(b.printed[:0], x, 'f', -1, bits)
	if b.answer, err = b.lower(b.answer[:0], b.printed); err != nil {
		return dst, err
	}
	return appendFloat(dst, b.answer, b.family)
}

func (b *decimalBand) numericBinary(dst, value []byte) ([]byte, error) {
	var err error
	if b.printed, err = numericText(b.printed[:0], value); err != nil {
		return dst, err
	}
	if b.answer, err = b.lower(b.answer[:0], b.printed); err != nil {
		return dst, err
	}
	return appendNumeric(dst, b.answer)
}

func (b *decimalBand) lower(dst, printed []byte) ([]byte, error) {
	if notANumber(printed) {
		return append(dst, printed...), nil
	}
	d, ok := readDecimal(b.digits, printed)
	if !ok {
		return dst, errBadText
	}
	d = b.width.lower(d)
	b.digits = d.digits
	if b.limited {
		for len(d.digits)-d.scale > b.whole && d.digits[0] == '0' {
			d.digits = d.digits[1:]
		}
		if len(d.digits)-d.scale > b.whole {
			return dst, errBeyond
		}
	}
	return d.append(dst, b.scale), nil
}
