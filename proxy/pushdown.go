package proxy

import (
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/statement"
)

// A mask that leaves nothing of a value is put into the text of a COPY, so that
// what it hides never leaves the server, which saves it work. Masks that compute
// could be put there too; but the server takes long for those (a COPY with a
// partial mask, a date and a band on 3 of 12 columns came to 0.57 of its rate),
// and the stream does not. So they are put on in the stream, as are those that
// need a key. No column is masked in both places.

// copyRewriter is an Analyzer that can put masks into a COPY.
type copyRewriter interface {
	RewriteCopy(text string, source statement.CopySource, columns []statement.MaskedColumn) (string, error)
}

// pushDown has the server put static masks on a text that is one COPY to the
// client. It returns the text to send and the masks that are left for the
// stream; the text is empty if everything is masked there.
func (s *session) pushDown(made *decided, text string) (string, *masks) {
	rewriter, can := s.server.analyzer.(copyRewriter)
	r := made.masks.of(0)
	if !can || r == nil || r.copy == nil || len(made.request.Statements) != 1 {
		return "", made.masks
	}
	columns, left := r.static(made.subject.column)
	if columns == nil {
		return "", made.masks
	}
	rewritten, err := rewriter.RewriteCopy(text, r.source(&made.request.Statements[0]), columns)
	if err != nil {
		s.log.Debug("masks stay in the stream", "err", err)
		return "", made.masks
	}
	return rewritten, left
}

// static are the columns of the result with the masks that the server can put
// on, nil if there is no such mask, and what is left for the stream: also that of
// the subject's column (counted from 1, 0 for none), whose values budgets count as
// they are.
func (r *resultMasks) static(subject int) (columns []statement.MaskedColumn, left *masks) {
	rest := *r
	rest.masks = make([]mask.Mask, len(r.masks))
	pushed, keyed := false, false
	columns = make([]statement.MaskedColumn, len(r.masks))
	for i, m := range r.masks {
		columns[i] = statement.MaskedColumn{Name: r.fact.Outputs[i].Name}
		rest.masks[i] = m
		static, can := staticMask(m)
		if !can || static.Kind == statement.MaskNone || i+1 == subject {
			keyed = keyed || m.Masks()
			continue
		}
		if out := &r.fact.Outputs[i]; out.Exact {
			c := &r.fact.Columns[out.Origins[0]]
			columns[i].Type = c.Type
		} else if static.Kind == statement.MaskNull {
			keyed = true // of a type that nobody has told
			continue
		}
		columns[i].Mask, rest.masks[i], pushed = static, mask.Mask{Kind: mask.Pass}, true
	}
	if !pushed {
		return nil, nil
	}
	if !keyed {
		return columns, nil
	}
	return columns, &masks{statements: []*resultMasks{&rest}}
}

// staticMask is a mask as the text of a COPY has it; false for one that is put on
// in the stream.
func staticMask(m mask.Mask) (statement.StaticMask, bool) {
	switch m.Kind {
	case mask.Pass:
		return statement.StaticMask{}, true
	case mask.Null:
		return statement.StaticMask{Kind: statement.MaskNull}, true
	case mask.Constant:
		return statement.StaticMask{Kind: statement.MaskConstant, Value: m.Value}, true
	}
	return statement.StaticMask{}, false
}

// source is the relation of the COPY as the catalog knows it. COPY of a plain
// table leaves out what inherits from it.
func (r *resultMasks) source(st *statement.Statement) statement.CopySource {
	if len(st.Relations) == 0 || len(r.fact.Relations) == 0 {
		return statement.CopySource{}
	}
	name := r.fact.Relations[0]
	only := true
	if found, is := (catalog.Sight{Snapshot: r.book.Snapshot, Path: []string{}}).Find(name.Schema, name.Name); is == catalog.Known {
		only = found.Kind != catalog.PartitionedTable && found.Kind != catalog.View
	}
	return statement.CopySource{Schema: name.Schema, Name: name.Name, Only: only}
}
