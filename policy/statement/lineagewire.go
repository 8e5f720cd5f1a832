package statement

// reply is what a worker answers: an analysis, and beside it the queries of
// its statements, which its own JSON leaves out.
type reply struct {
	*Analysis
	// Queries are those of the statements, in order, each followed by those
	// behind its names.
	Queries []*Query `json:"queries,omitempty"`
	// CopyOuts are those of the statements, likewise.
	CopyOuts []*CopyOut `json:"copy_outs,omitempty"`
}

// replyOf is the answer that holds an analysis.
func replyOf(a *Analysis) reply {
	r := reply{Analysis: a}
	eachStatement(a, func(st *Statement) {
		r.Queries, r.CopyOuts = append(r.Queries, st.Query), append(r.CopyOuts, st.CopyOut)
	})
	return r
}

// restore puts the queries back, and reports whether there is one for each
// statement.
func (r reply) restore() bool {
	left, outs := r.Queries, r.CopyOuts
	whole := true
	eachStatement(r.Analysis, func(st *Statement) {
		if len(left) == 0 || len(outs) == 0 {
			whole = false
			return
		}
		st.Query, left = left[0], left[1:]
		st.CopyOut, outs = outs[0], outs[1:]
	})
	return whole && len(left) == 0 && len(outs) == 0
}

// eachStatement visits the statements of an analysis and those behind names.
func eachStatement(a *Analysis, f func(*Statement)) {
	var visit func(st *Statement)
	visit = func(st *Statement) {
		f(st)
		for i := range st.Names {
			if inner := st.Names[i].Inner; inner != nil {
				visit(inner)
			}
		}
	}
	for i := range a.Statements {
		visit(&a.Statements[i])
	}
}
