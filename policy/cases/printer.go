package cases

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// printer writes for people. Names and texts come from anybody, so what
// would move a terminal's cursor or hide something is shown as U+FFFD.
type printer struct{ out *bufio.Writer }

func newPrinter(w io.Writer) printer { return printer{bufio.NewWriter(w)} }

// printf never fails: flush returns the first error.
func (p printer) printf(format string, args ...any) {
	p.out.WriteString(strings.Map(visible, fmt.Sprintf(format, args...)))
}

func (p printer) flush() error { return p.out.Flush() }

func visible(r rune) rune {
	switch {
	case r == '\n' || unicode.IsPrint(r):
		return r
	case r == '\t':
		return ' '
	}
	return unicode.ReplacementChar
}
