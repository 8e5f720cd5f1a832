package mask

import "unicode/utf8"

// partial is the changer of Partial.
type partial struct {
	first, last int
	with        byte
	padded      bool
}

func newPartial(m Mask, t Type) *partial {
	p := &partial{first: m.KeepFirst, last: m.KeepLast, with: m.With, padded: t.family() == bpchar}
	if p.with == 0 {
		p.with = '*'
	}
	return p
}

func (p *partial) binary(dst, value []byte) ([]byte, error) { return p.text(dst, value) }

// text replaces each character by one of one byte, so that no length of a
// column is exceeded. The blanks that fill up a char(n) are no characters.
func (p *partial) text(dst, value []byte) ([]byte, error) {
	end := len(value)
	if p.padded {
		end = unpadded(value)
	}
	if !utf8.Valid(value[:end]) {
		return dst, errBadText
	}
	n := utf8.RuneCount(value[:end])
	from, to := p.first, n-p.last
	if p.first >= n || p.last >= n || from >= to {
		from, to = 0, n
	}
	head := bytesOf(value[:end], from)
	tail := head + bytesOf(value[head:end], to-from)
	dst = append(dst, value[:head]...)
	for range to - from {
		dst = append(dst, p.with)
	}
	return append(dst, value[tail:]...), nil
}

// bytesOf is how many bytes the first n characters have.
func bytesOf(value []byte, n int) int {
	at := 0
	for range n {
		_, size := utf8.DecodeRune(value[at:])
		at += size
	}
	return at
}

// unpadded is the length of a char(n) without the blanks at its end.
func unpadded(value []byte) int {
	end := len(value)
	for end > 0 && value[end-1] == ' ' {
		end--
	}
	return end
}
