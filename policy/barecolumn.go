package policy

// BareColumn is a column of a result that shows the values of a table's column as
// they are, and has no class.
type BareColumn struct {
	// Output is its place in the result, counted from 0.
	Output                 int
	Schema, Relation, Name string
	// Type is as format_type writes it, empty if nobody knows.
	Type string
	// Looked is true if somebody has said that it holds nothing.
	Looked bool
}

// BareColumns are those of a statement's result, nil if nobody can tell what the
// result is made of.
func (p *Policy) BareColumns(f *StatementFact) []BareColumn {
	if !f.told() {
		return nil
	}
	var bare []BareColumn
	for at := range f.Outputs {
		out := &f.Outputs[at]
		if !out.Exact || out.Open {
			continue
		}
		c := &f.Columns[out.Origins[0]]
		if entries, looked := p.classesOf(c); len(entries) == 0 && !c.View {
			bare = append(bare, BareColumn{at, c.Schema, c.Relation, c.Name, c.Type, looked})
		}
	}
	return bare
}
