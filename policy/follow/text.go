package follow

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// TextOptions say how a review is written.
type TextOptions struct {
	// All lists every function, not only the opaque ones that may be run.
	All bool
	// Paint marks a state, as with a color; nil for none.
	Paint func(State) string
}

// Text writes a review for people.
func (r *Review) Text(w io.Writer, o TextOptions) error {
	if o.Paint == nil {
		o.Paint = func(s State) string { return string(s) }
	}
	out := bufio.NewWriter(w)
	listed := r.Open()
	if o.All {
		listed = nil
		for i := range r.Functions {
			listed = append(listed, &r.Functions[i])
		}
	}
	for _, f := range listed {
		f.text(out, o.Paint(f.State))
	}
	fmt.Fprintf(out, "%s: %s\n", quote.Line(r.Database), r.totals())
	return out.Flush()
}

func (r *Review) totals() string {
	return fmt.Sprintf("%s: %d known to the policy, %d understood, %d opaque, of which %d may be run",
		counted(len(r.Functions)), r.Count(Known), r.Count(Understood), r.Count(Opaque), len(r.Open()))
}

func counted(n int) string {
	if n == 1 {
		return "1 function"
	}
	return fmt.Sprintf("%d functions", n)
}

// text writes one function.
func (f *Reviewed) text(out *bufio.Writer, state string) {
	fmt.Fprintf(out, "%s: %s, %s\n", quote.Line(f.Signature), state, quote.Line(f.Language))
	list := func(word string, all []string) {
		const most = 20
		if len(all) == 0 {
			return
		}
		rest := ""
		if len(all) > most {
			rest = fmt.Sprintf(" and %d more", len(all)-most)
			all = all[:most]
		}
		fmt.Fprintf(out, "  %s %s%s\n", word, quote.Line(strings.Join(all, ", ")), rest)
	}
	for _, why := range f.Opaque {
		fmt.Fprintf(out, "  not seen: %s\n", quote.Line(why))
	}
	if f.Note != "" && f.State == Opaque {
		fmt.Fprintf(out, "  functions.known cannot hold it: %s\n", f.Note)
	}
	for _, e := range f.Effects {
		fmt.Fprintf(out, "  does %s: %s\n", e.Kind, quote.Line(e.What))
	}
	list("reads", f.Reads)
	list("writes", f.Writes)
	list("servers", f.Servers)
	list("runs for triggers of", f.Triggers)
	if !f.Callable {
		fmt.Fprintln(out, "  this login may not call it")
	}
	fmt.Fprintf(out, "  body %s\n\n", f.Body)
}

// Fragment writes the opaque functions that may be run as entries of
// functions.known, for a person to complete: why is empty, and a policy with an
// empty why is not valid. The effect is the worst that was seen.
func (r *Review) Fragment(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# Functions of %s that Sluice cannot see through. Read each body, correct the\n", quote.Line(r.Database))
	fmt.Fprintln(out, "# effect, and write into why who read it and what it does; delete the others.")
	fmt.Fprintln(out, "functions:\n  known:")
	for _, f := range r.Open() {
		if f.Note != "" {
			fmt.Fprintf(out, "    # %s cannot be listed: %s\n", quote.Line(f.Signature), quote.Line(f.Note))
			continue
		}
		for _, why := range f.Opaque {
			fmt.Fprintf(out, "    # %s\n", quote.Line(why))
		}
		if !f.itself() {
			fmt.Fprintf(out, "    # That is all that cannot be seen of %s: it needs no entry once this has one.\n", quote.Line(f.Signature))
			continue
		}
		fmt.Fprintf(out, "    - signature: %s\n      body: %s\n      effect: %s\n      why: \"\"\n", strconv.Quote(f.Signature), f.Body, f.Kind)
	}
	return out.Flush()
}

// itself reports whether a function is opaque by its own code, and not only by
// what that leads to.
func (f *Reviewed) itself() bool {
	own := "function " + f.Signature
	return slices.ContainsFunc(f.Opaque, func(why string) bool {
		return strings.HasPrefix(why, own+" ") || strings.HasPrefix(why, own+":") || strings.HasSuffix(why, " of "+own+" could not be read")
	})
}
