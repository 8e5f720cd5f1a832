package classify

import "bytes"

// emailShapes looks around every @ for an address.
func emailShapes(value []byte, c *counts) ShapeSet {
	if c.ats == 0 || c.dots == 0 {
		return 0
	}
	for at := 0; ; at++ {
		next := bytes.IndexByte(value[at:], '@')
		if next < 0 {
			return 0
		}
		at += next
		begin, end, ok := emailAround(value, at)
		switch {
		case !ok:
		case begin == 0 && end == len(value):
			return Email.set()
		default:
			return EmailInside.set()
		}
	}
}

// emailAround finds the address whose sign is at an offset.
func emailAround(value []byte, at int) (begin, end int, ok bool) {
	begin = at
	for begin > 0 && at-begin < 64 && inLocal(value[begin-1]) {
		begin--
	}
	for begin < at && value[begin] == '.' {
		begin++
	}
	if begin == at || value[at-1] == '.' || begin > 0 && (value[begin-1] == '/' || value[begin-1] == ':' && inURL(value[:begin])) {
		return 0, 0, false
	}
	end, ok = domainFrom(value, at+1)
	if !ok {
		return 0, 0, false
	}
	// git@example.com:group/project is a place of a repository.
	if end+1 < len(value) && value[end] == ':' && !isBlank(value[end+1]) {
		return 0, 0, false
	}
	return begin, end, true
}

// inURL reports whether the word at the end of a text is a URL: what stands
// before an @ there is a password.
func inURL(text []byte) bool {
	for i := len(text) - 1; i > 0 && !isBlank(text[i]); i-- {
		if text[i] == '/' && text[i-1] == '/' {
			return true
		}
	}
	return false
}

// inLocal are the bytes before the sign, without quoted forms, which nobody
// has. Bytes of letters beyond ASCII count.
func inLocal(b byte) bool {
	return isAlnum(b) || b >= 0x80 || b == '.' || b == '_' || b == '-' || b == '+' || b == '%' || b == '\'' || b == '&' || b == '=' || b == '~' || b == '!' || b == '#' || b == '*'
}

// domainFrom finds the end of a domain with at least two labels, the last of
// which could be a top-level domain.
func domainFrom(value []byte, from int) (end int, ok bool) {
	last, labels := from, 0
	i := from
	for ; i < len(value) && i-from <= 255; i++ {
		b := value[i]
		if b == '.' {
			if i == last || value[i-1] == '-' {
				break
			}
			if i+1 == len(value) || !isAlnum(value[i+1]) && value[i+1] < 0x80 {
				break // the end of a sentence
			}
			labels, last = labels+1, i+1
			continue
		}
		if !isAlnum(b) && b != '-' && b < 0x80 || b == '-' && i == last {
			break
		}
	}
	if labels == 0 || !topLevel(value[last:i]) {
		return 0, false
	}
	return i, true
}

// topLevel reports whether a label could be a top-level domain: letters, and
// no ending of files, as in icon@2x.png.
func topLevel(label []byte) bool {
	if len(label) < 2 || len(label) > 63 {
		return false
	}
	if len(label) > 4 && label[0]|0x20 == 'x' && label[1]|0x20 == 'n' && label[2] == '-' && label[3] == '-' {
		return true
	}
	for _, b := range label {
		if !isLetter(b) && b < 0x80 {
			return false
		}
	}
	return len(label) > 5 || !fileEnding(label)
}

// fileEndings are endings of files that are no top-level domains.
const fileEndings = " png jpg jpeg gif svg webp ico bmp tiff pdf css js mjs ts jsx tsx json html htm xml yaml yml txt csv md map woff ttf otf mp3 mp4 avi heic log sql tar gz exe dll so lock scss less "

func fileEnding(label []byte) bool {
	var word [7]byte
	word[0] = ' '
	for i, b := range label {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		word[i+1] = b
	}
	word[len(label)+1] = ' '
	// A country has the ending so: an address there is more likely than a
	// library with a sign in its name.
	if len(label) == 2 && word[1] == 's' && word[2] == 'o' || len(label) == 2 && word[1] == 'm' && word[2] == 'd' {
		return false
	}
	return bytes.Contains(fileEndingBytes, word[:len(label)+2])
}

var fileEndingBytes = []byte(fileEndings)
