package classify

import "bytes"

// touched reports whether a row outside the sample is worth a look: it has rare
// bytes in it that show that there may be something that counts by a single hit.
// It looks at the row as it stands in the stream, and may be wrong in both
// directions: what it misses is left to the sample.
func (s *Sampler) touched(row []byte) bool {
	switch s.options.Wires {
	case NoWires:
		return false
	case OneWire:
		// Multiplying by a large odd number scatters rows that come in a rhythm; the
		// second product brings 32 bits of that down to one of the wires.
		n := s.rows * 0x9E3779B97F4A7C15 >> 32 * uint64(len(wires)+1) >> 32
		if n == uint64(len(wires)) {
			return s.mailIn(row)
		}
		return s.markIn(row, &wires[n])
	}
	if s.mailIn(row) {
		return true
	}
	for i := range wires {
		if s.markIn(row, &wires[i]) {
			return true
		}
	}
	return false
}

func (s *Sampler) mailIn(row []byte) bool {
	found := s.awake(s.mails) && bytes.IndexByte(row, '@') >= 0
	if found {
		s.mails++
	}
	return found
}

func (s *Sampler) markIn(row []byte, w *wire) bool {
	found := w.in(row) && s.awake(s.marks)
	if found {
		s.marks++
	}
	return found
}

// awake reports whether a wire that was touched so often is worth a look:
// where it is touched in more than a few rows, the sample sees it as well.
func (s *Sampler) awake(touches uint64) bool {
	return touches < 64 || touches*256 < s.rows
}

// wire is some texts that are looked for by a byte that they have in the same
// place and that is rarer than their first.
type wire struct {
	rare  byte
	at    int
	texts []string
}

var wires = []wire{
	{'J', 2, []string{"eyJ"}},
	{'K', 1, []string{"AKIA"}},
	{'|', 4, []string{"Atza|", "Atzr|"}},
	{'G', 7, []string{"-----BEGIN"}},
	{'$', 0, []string{"$2", "$argon2"}},
}

func (w *wire) in(row []byte) bool {
	for from := 0; ; {
		next := bytes.IndexByte(row[from:], w.rare)
		if next < 0 {
			return false
		}
		from += next + 1
		begin := from - 1 - w.at
		if begin < 0 {
			continue
		}
		for _, text := range w.texts {
			if len(row)-begin >= len(text) && string(row[begin:begin+len(text)]) == text {
				return true
			}
		}
	}
}
