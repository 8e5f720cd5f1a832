package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// CopyOut describes the stream that a COPY TO STDOUT gives. It holds what the
// client wrote, and is no part of what is recorded.
type CopyOut struct {
	Options []CopyOption
}

// CopyOption is an option of COPY, as WITH (name value) says it.
type CopyOption struct {
	// Name is lower case.
	Name string
	// Value is a word, number or text; empty where none is given.
	Value string
	// Values are the names in a list, Star is true for *.
	Values []string
	Star   bool
}

// copyOut reads the options of a COPY TO STDOUT. What is not understood is kept
// with an empty value; whoever reads the stream knows what it may have.
func (w *walker) copyOut(options []*pg.Node) *CopyOut {
	out := &CopyOut{}
	for _, n := range options {
		e := n.GetDefElem()
		if e == nil {
			continue
		}
		o := CopyOption{Name: strings.ToLower(e.Defname), Star: e.GetArg().GetAStar() != nil}
		if list := e.GetArg().GetList(); list != nil {
			o.Values = strs(list.GetItems())
		} else {
			o.Value = w.wholeOption(e.Arg)
		}
		out.Options = append(out.Options, o)
	}
	return out
}
