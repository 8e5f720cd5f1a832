package script

import (
	"errors"
	"io"
)

// wire makes the whole file one text. A byte order mark is left out.
func (r *Reader) wire(s *source) {
	var lineError error
	for {
		line, err := s.lines.read()
		if err != nil {
			lineError = err
			break
		}
		if s.lines.number > 1 {
			s.query.add("\n", nil)
		}
		s.query.add(line, &piece{offset: s.lines.start, line: s.lines.number, column: 1})
	}
	if !errors.Is(lineError, io.EOF) {
		s.fail(lineError)
	} else if !s.query.empty() {
		item := s.item(s.query.text, s.query.pieces)
		item.Cut, item.Wire = s.query.cut, true
		s.put(item)
	}
	r.pop()
}
