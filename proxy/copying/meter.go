package copying

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Meter shows how far a copy is. A nil Meter shows nothing.
type Meter struct {
	// Out is where it writes; Terminal is true if a line there can be written over.
	Out      io.Writer
	Terminal bool
	// Now is the clock; time.Now if nil.
	Now func() time.Time

	mu    sync.Mutex
	last  time.Time
	shown int // characters on the line that is written over
}

// between is how often a line is written where none can be written over.
const between = 10 * time.Second

func (m *Meter) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// take shows a notice of Sluice.
func (m *Meter) take(n *pgconn.Notice) {
	message, is := strings.CutPrefix(n.Message, "sluice: ")
	if m == nil || !is {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, progress := readProgress(n.Detail)
	switch {
	case !progress:
		return // the receipt, which comes at the end
	case m.Terminal:
		m.over(p.bar() + " " + message)
	case m.now().Sub(m.last) >= between:
		m.last = m.now()
		fmt.Fprintln(m.Out, message)
	}
}

// over writes over the line.
func (m *Meter) over(line string) {
	const most = 100
	if runes := []rune(line); len(runes) > most {
		line = string(runes[:most-1]) + "…"
	}
	length := len([]rune(line))
	fmt.Fprintf(m.Out, "\r%s%s", line, strings.Repeat(" ", max(0, m.shown-length)))
	m.shown = length
}

// end leaves the line.
func (m *Meter) end() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown > 0 {
		fmt.Fprintf(m.Out, "\r%s\r", strings.Repeat(" ", m.shown))
		m.shown = 0
	}
}

// progress is what Sluice says in the detail of a notice: words name=value.
type progress struct{ bytes, expected uint64 }

func readProgress(detail string) (p progress, is bool) {
	if !strings.HasPrefix(detail, "copy=") {
		return p, false
	}
	for word := range strings.FieldsSeq(detail) {
		key, value, _ := strings.Cut(word, "=")
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil:
		case key == "bytes":
			p.bytes, is = n, true
		case key == "expected":
			p.expected = n
		}
	}
	return p, is
}

// bar is how much is done: what a table has on disk is only about what comes out of
// it, so it is never full before the end.
func (p progress) bar() string {
	const width = 20
	done := 0
	if p.expected > 0 {
		done = int(min(uint64(width-1), p.bytes*width/p.expected))
	}
	return "[" + strings.Repeat("#", done) + strings.Repeat(".", width-done) + "]"
}
