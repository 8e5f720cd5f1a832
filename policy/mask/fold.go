package mask

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folded is a text without white space around it, in NFC and in lower case.
func (p *nameless) folded(value []byte) ([]byte, error) {
	lower, err := p.lowered(bytes.TrimSpace(value))
	if err != nil || isASCII(lower) {
		return lower, err
	}
	return norm.NFC.Bytes(lower), nil
}

// lowered is a text in lower case, letter by letter, as citext compares (in a
// locale that does not treat letters in its own way).
func (p *nameless) lowered(value []byte) ([]byte, error) {
	if !utf8.Valid(value) {
		return nil, errBadText
	}
	p.scratch = p.scratch[:0]
	for at := 0; at < len(value); {
		if c := value[at]; c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			p.scratch = append(p.scratch, c)
			at++
			continue
		}
		r, size := utf8.DecodeRune(value[at:])
		p.scratch = utf8.AppendRune(p.scratch, unicode.ToLower(r))
		at += size
	}
	return p.scratch, nil
}

func isASCII(value []byte) bool {
	for _, c := range value {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
