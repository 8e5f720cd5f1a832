package classify

import "bytes"

// textRow reads a row of COPY's text format: fields between tabs, \N for
// NULL, escapes as the documentation of COPY lists them.
func (s *Sampler) textRow(row []byte, take func(*Sampler, int, []byte, bool)) {
	row = bytes.TrimSuffix(row, []byte("\n"))
	if len(row) == 2 && row[0] == '\\' && row[1] == '.' {
		return // the end of data in old streams
	}
	for i := 0; ; i++ {
		end := bytes.IndexByte(row, '\t')
		field := row
		if end >= 0 {
			field = row[:end]
		}
		if len(field) == 2 && field[0] == '\\' && field[1] == 'N' {
			take(s, i, nil, true)
		} else {
			take(s, i, s.unescaped(field), false)
		}
		if end < 0 {
			return
		}
		row = row[end+1:]
	}
}

// unescaped is a field without its escapes. A field that has none is returned
// as it is; any other lives until the next one.
func (s *Sampler) unescaped(field []byte) []byte {
	if bytes.IndexByte(field, '\\') < 0 {
		return field
	}
	out := s.field[:0]
	for i := 0; i < len(field); i++ {
		b := field[i]
		if b != '\\' || i+1 == len(field) {
			out = append(out, b)
			continue
		}
		i++
		var more int
		b, more = escape(field[i:])
		out, i = append(out, b), i+more
	}
	s.field = out
	return out
}

// escape is the byte that an escape means, and how many bytes it has beyond
// its first.
func escape(text []byte) (b byte, more int) {
	switch text[0] {
	case 'b':
		return '\b', 0
	case 'f':
		return '\f', 0
	case 'n':
		return '\n', 0
	case 'r':
		return '\r', 0
	case 't':
		return '\t', 0
	case 'v':
		return '\v', 0
	case 'x':
		for more < 2 && more+1 < len(text) && isHex(text[more+1]) {
			b = b<<4 | nibble(text[more+1])
			more++
		}
		if more > 0 {
			return b, more
		}
	case '0', '1', '2', '3', '4', '5', '6', '7':
		b = text[0] - '0'
		for more < 2 && more+1 < len(text) && text[more+1] >= '0' && text[more+1] <= '7' {
			b = b<<3 | text[more+1] - '0'
			more++
		}
		return b, more
	}
	return text[0], 0
}

func nibble(b byte) byte {
	if digit(b) {
		return b - '0'
	}
	return b&0xdf - 'A' + 10
}

// csvRow reads a row of COPY's format CSV: fields between commas, a field in
// double quotes with doubled ones inside, NULL for an unquoted empty field. A
// quoted field may have line ends in it.
func (s *Sampler) csvRow(row []byte, take func(*Sampler, int, []byte, bool)) {
	row = bytes.TrimSuffix(row, []byte("\n"))
	for i := 0; ; i++ {
		field, rest, quoted := s.csvField(row)
		take(s, i, field, len(field) == 0 && !quoted)
		if len(rest) == 0 {
			return
		}
		row = rest[1:]
	}
}

// csvField cuts the first field off; rest begins with the comma behind it.
func (s *Sampler) csvField(row []byte) (field, rest []byte, quoted bool) {
	if len(row) == 0 || row[0] != '"' {
		end := bytes.IndexByte(row, ',')
		if end < 0 {
			return row, nil, false
		}
		return row[:end], row[end:], false
	}
	out := s.field[:0]
	i := 1
	for ; i < len(row); i++ {
		if row[i] == '"' {
			if i+1 == len(row) || row[i+1] != '"' {
				i++
				break
			}
			i++
		}
		out = append(out, row[i])
	}
	s.field = out
	for i < len(row) && row[i] != ',' { // behind the quotes nothing should be
		i++
	}
	return out, row[i:], true
}
