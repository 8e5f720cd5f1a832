package mask

// decimal is a number as its digits, without its sign: those behind the point
// are the last scale ones.
type decimal struct {
	negative bool
	digits   []byte
	scale    int
}

// readDecimal reads what a numeric or an integer prints, with buf as the space
// for the digits.
func readDecimal(buf, v []byte) (d decimal, ok bool) {
	d.digits = buf[:0]
	if len(v) > 0 && v[0] == '-' {
		d.negative, v = true, v[1:]
	}
	point := -1
	for i, c := range v {
		switch {
		case c >= '0' && c <= '9':
			d.digits = append(d.digits, c)
		case c == '.' && point < 0 && i > 0:
			point = i
		default:
			return d, false
		}
	}
	if point >= 0 {
		d.scale = len(v) - point - 1
	}
	return d, len(d.digits) > 0 && point != len(v)-1
}

// width is how wide bands are: size / 10^scale.
type width struct {
	size  uint64
	scale int
}

// maxWidthDigits keeps a rest and a digit more within 64 bits.
const maxWidthDigits = 15

func readWidth(s string) (width, error) {
	d, ok := readDecimal(nil, []byte(s))
	if !ok || d.negative || len(d.digits) > maxWidthDigits {
		return width{}, errBandWidth
	}
	for d.scale > 0 && d.digits[len(d.digits)-1] == '0' {
		d.digits, d.scale = d.digits[:len(d.digits)-1], d.scale-1
	}
	w := width{scale: d.scale}
	for _, c := range d.digits {
		w.size = w.size*10 + uint64(c-'0')
	}
	if w.size == 0 {
		return width{}, errBandWidth
	}
	return w, nil
}

// lower is the lower bound of the band in which d is, exactly. Its digits take
// the place of those of d.
func (w width) lower(d decimal) decimal {
	rest := uint64(0)
	for ; d.scale < w.scale; d.scale++ {
		d.digits = append(d.digits, '0')
	}
	keep := len(d.digits) - (d.scale - w.scale)
	exact := true
	for i, c := range d.digits {
		if i >= keep {
			exact = exact && c == '0'
			continue
		}
		rest = (rest*10 + uint64(c-'0')) % w.size
	}
	d.digits, d.scale = d.digits[:keep], w.scale
	switch {
	case !d.negative:
		subtract(d.digits, rest)
	case rest > 0 || !exact:
		d.digits = add(d.digits, w.size-rest)
	}
	return d
}

// subtract takes n, which is not larger, from a number.
func subtract(digits []byte, n uint64) {
	borrow := uint64(0)
	for i := len(digits) - 1; n+borrow > 0 && i >= 0; i-- {
		take := n%10 + borrow
		n, borrow = n/10, 0
		have := uint64(digits[i] - '0')
		if have < take {
			have, borrow = have+10, 1
		}
		digits[i] = byte('0' + have - take)
	}
}

// add adds n to a number, which may become longer.
func add(digits []byte, n uint64) []byte {
	for i := len(digits) - 1; n > 0 && i >= 0; i-- {
		n += uint64(digits[i] - '0')
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	for ; n > 0; n /= 10 {
		digits = append(digits, 0)
		copy(digits[1:], digits)
		digits[0] = byte('0' + n%10)
	}
	return digits
}

// append prints the number with at least so many digits behind the point.
func (d decimal) append(dst []byte, scale int) []byte {
	whole := d.digits[:max(len(d.digits)-d.scale, 0)]
	for len(whole) > 0 && whole[0] == '0' {
		whole = whole[1:]
	}
	if d.negative && !isZero(d.digits) {
		dst = append(dst, '-')
	}
	if len(whole) == 0 {
		dst = append(dst, '0')
	}
	dst = append(dst, whole...)
	if d.scale == 0 && scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for i := len(d.digits); i < d.scale; i++ {
		dst = append(dst, '0')
	}
	dst = append(dst, d.digits[max(len(d.digits)-d.scale, 0):]...)
	for i := d.scale; i < scale; i++ {
		dst = append(dst, '0')
	}
	return dst
}

func isZero(digits []byte) bool {
	for _, c := range digits {
		if c != '0' {
			return false
		}
	}
	return true
}
