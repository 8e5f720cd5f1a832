package ledger

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// schemaVersion is the version of the JSON of listings and stories. It changes
// when a reader has to.
const schemaVersion = 1

// Listing is copies at one time, for people and programs.
type Listing struct {
	SchemaVersion int `json:"schema_version"`
	// At is the time that the listing is true of.
	At     time.Time `json:"at"`
	Proof  Proof     `json:"proof"`
	Copies []Row     `json:"copies"`
	// Gone is how many copies the query would have selected and are gone.
	Gone int `json:"gone"`
	// Incomplete is true if a part of the trail could not be read.
	Incomplete bool `json:"incomplete"`
	// Problems are of the whole trail; More are not among them.
	Problems []Problem `json:"problems"`
	More     int       `json:"more_problems,omitempty"`
}

// List makes a listing of the copies that a query selects. A copy that is gone is
// in it, also without All, if that end of it is not proven.
func (l *Ledger) List(q Query, at time.Time, proof Proof) *Listing {
	q.Now = at
	out := &Listing{SchemaVersion: schemaVersion, At: at.UTC(), Proof: proof, Copies: []Row{}, Incomplete: l.Incomplete()}
	out.Problems, out.More = l.Problems()
	out.Problems = append([]Problem{}, out.Problems...)
	hidden := !q.All && len(q.States) == 0
	q.gone = true
	copies := l.Copies(q)
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range copies {
		// An end that is not proven hides nothing.
		if hidden && c.Gone() && !proof.open(c.ended) {
			out.Gone++
			continue
		}
		out.Copies = append(out.Copies, l.row(c, at, proof))
	}
	return out
}

// TextOptions say how something is printed for people.
type TextOptions struct {
	// Color switches terminal colours on.
	Color bool
	// Quiet leaves out the lines that say that all is well.
	Quiet bool
}

// Text prints the listing as a table, and below it what a reader must know.
func (l *Listing) Text(w io.Writer, o TextOptions) error {
	var b strings.Builder
	if len(l.Copies) > 0 {
		t := table{{"COPY", "WHAT", "WHERE", "CLASSES", "OWNER", "SINCE", "EXPIRES", "STATE"}}
		for i := range l.Copies {
			t = append(t, l.Copies[i].cells(o))
		}
		t.write(&b)
		b.WriteString("\n")
	}
	l.summary(&b, o)
	_, err := io.WriteString(w, b.String())
	return err
}

func (l *Listing) summary(b *strings.Builder, o TextOptions) {
	total := copies(len(l.Copies)) + " at " + minute(l.At)
	if l.Gone > 0 {
		total += fmt.Sprintf(", and %s that %s gone (--all)", copies(l.Gone), isAre(l.Gone))
	}
	b.WriteString(total + "\n")
	unsigned, shown := 0, map[string]bool{}
	for i := range l.Copies {
		if shown[l.Copies[i].Copy] = true; l.Copies[i].Unsigned {
			unsigned++
		}
	}
	writeProof(b, l.Proof, unsigned, o)
	// What is odd about a copy that is not shown does not make this wrong.
	told := slices.DeleteFunc(slices.Clone(l.Problems), func(p Problem) bool { return !p.Unread && p.Copy != "" && !shown[p.Copy] })
	writeProblems(b, told, l.More, l.Incomplete, o)
	if odd := len(l.Problems) - len(told); odd > 0 {
		fmt.Fprintf(b, "and %s with copies that are not shown (--json tells)\n", counted(int64(odd), "problem"))
	}
}

func copies(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprintf("%d copies", n)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func writeProof(b *strings.Builder, p Proof, unsigned int, o TextOptions) {
	line := clean(p.String())
	switch {
	case p.Checked && p.OK && unsigned > 0:
		line += fmt.Sprintf("; what is said here of %s is not all proven", copies(unsigned))
	case p.Checked && p.OK && o.Quiet:
		return
	}
	color := ""
	if !p.OK {
		color = red
	}
	b.WriteString("trail: " + painted(line, color, o.Color) + "\n")
}

func writeProblems(b *strings.Builder, problems []Problem, more int, incomplete bool, o TextOptions) {
	if incomplete {
		b.WriteString(painted("INCOMPLETE: a part of the trail could not be read; copies may be missing, or in another state", red, o.Color) + "\n")
	}
	for _, p := range problems {
		b.WriteString("problem: " + p.line() + "\n")
	}
	if more > 0 {
		fmt.Fprintf(b, "problem: and %d more\n", more)
	}
}

func (p Problem) line() string {
	var where []string
	if p.Index >= 0 {
		where = append(where, fmt.Sprintf("record %d", p.Index))
	}
	if p.Copy != "" {
		where = append(where, "copy "+p.Copy)
	}
	if len(where) == 0 {
		return clean(p.What)
	}
	return strings.Join(where, ", ") + ": " + clean(p.What)
}

// cells are the cells of a row.
func (r *Row) cells(o TextOptions) []string {
	what, where := "?", "?"
	if r.Origin != nil {
		what = r.Origin.Place + " " + few(r.Origin.Relations, 1)
		where = r.Destination.Place
		if !slices.Equal(r.Origin.Relations, r.Destination.Relations) {
			where += " " + few(r.Destination.Relations, 1)
		}
	}
	var classes []string
	for _, h := range r.Classes {
		classes = append(classes, h.String())
	}
	since := r.Published
	if since.IsZero() {
		since = r.Begun
	}
	return []string{
		r.Copy, clean(what), clean(where), dash(clean(few(classes, 3))), dash(clean(r.Owner)), shortTime(since), shortTime(r.Expires),
		painted(r.stateWords(), stateColors[r.State], o.Color),
	}
}

func (r *Row) stateWords() string {
	words := string(r.State)
	if len(r.Notes) > 0 {
		words += " (" + strings.Join(r.Notes, "; ") + ")"
	}
	return words
}

// String is the class with what was done to its values.
func (h ClassHeld) String() string {
	if len(h.Masks) == 0 {
		return h.Class
	}
	var words []string
	for _, m := range h.Masks {
		word, _, _ := strings.Cut(m, " ")
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return h.Class + ":" + strings.Join(words, "+")
}

// few are the first of a list, and how many more there are.
func few(list []string, shown int) string {
	if len(list) <= shown {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s +%d", strings.Join(list[:shown], ", "), len(list)-shown)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return minute(t)
}
