package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/statement"
)

// What a policy lets out masked is masked on its way to the client, message by
// message. Which column gets which mask was decided from the text and the
// catalog, before anything ran. The server's own description of the result is
// held against that: another number of columns, or one that comes from a table
// nobody spoke of, ends the statement before its first row. So does whatever
// cannot be masked.

// masks are how the results of a text are masked. They do not change, so that
// all executions of a prepared statement can share them.
type masks struct {
	// statements are by index; nil for one whose result passes as it is.
	statements []*resultMasks
}

// resultMasks are how the result of one statement is masked.
type resultMasks struct {
	rule, position string
	reading
	// masks are those of the columns of the result, in order.
	masks []mask.Mask
	// copy is what the client has asked of a COPY; nil for other statements.
	copy *statement.CopyOut
	// made is true if the statement names a relation that the session has made
	// and the book does not have.
	made bool
}

// newMasks makes ready what a decision says about masks; nil if it masks nothing.
func newMasks(made *decided, keys map[string]mask.Key) *masks {
	d := &made.decision
	if d.Verdict != policy.Mask || !made.passes() {
		return nil
	}
	facts := made.request.Facts.Catalog.Statements
	m := &masks{statements: make([]*resultMasks, len(facts))}
	for _, o := range d.Masks {
		r := m.statements[o.Statement]
		if r == nil {
			st := &made.request.Statements[o.Statement]
			r = &resultMasks{
				rule: d.Rule, position: d.Reasons[0].Position, copy: st.CopyOut,
				reading: reading{book: made.sight.book, fact: &facts[o.Statement], named: st.Relations, path: made.path},
				masks:   make([]mask.Mask, len(facts[o.Statement].Outputs)),
			}
			r.made = namesNew(r.book, r.fact)
			for i := range r.masks {
				r.masks[i] = mask.Mask{Kind: mask.Pass}
			}
			m.statements[o.Statement] = r
		}
		r.masks[o.Output] = o.Masking.Values(keys[o.Masking.Key])
	}
	return m
}

// of is how the result of the statement at an index is masked, nil for not at
// all. An Execute has one statement, at index 0.
func (m *masks) of(index int) *resultMasks {
	if m == nil || index >= len(m.statements) {
		return nil
	}
	return m.statements[index]
}

// masking is the masking of one execution under way.
type masking struct {
	masks *masks
	// row and copy are those of the result that is coming; nil before it has
	// been described.
	row  *mask.Row
	copy *mask.Copy
	// failed is why the rows that are coming cannot be masked.
	failed error
}

// next is told that a statement of the text has ended.
func (m *masking) next() { m.row, m.copy = nil, nil }

// maskedNow is how the result that is coming is masked.
func (w *work) maskedNow() *resultMasks {
	if w == nil || w.masking.masks == nil {
		return nil
	}
	return w.masking.masks.of(max(w.completed, 0))
}

// field is a column as a RowDescription tells it.
type field struct {
	name   string
	column catalog.ColumnID
	typ    uint32
	format int16
}

var errDescription = errors.New("the server's description of the result cannot be read")

// readFields reads a RowDescription (protocol section "Message Formats").
func readFields(body []byte) ([]field, error) {
	if len(body) < 2 {
		return nil, errDescription
	}
	fields := make([]field, 0, binary.BigEndian.Uint16(body))
	rest := body[2:]
	for range cap(fields) {
		name, after, ok := cutString(rest)
		if !ok || len(after) < 18 {
			return nil, errDescription
		}
		fields = append(fields, field{
			name: name, column: catalog.ColumnID{
				Relation: catalog.OID(binary.BigEndian.Uint32(after)), Num: int16(binary.BigEndian.Uint16(after[4:])),
			},
			typ: binary.BigEndian.Uint32(after[6:]), format: int16(binary.BigEndian.Uint16(after[16:])),
		})
		rest = after[18:]
	}
	if len(rest) != 0 {
		return nil, errDescription
	}
	return fields, nil
}

// rows makes ready for the rows of a result that the server describes.
func (r *resultMasks) rows(body []byte) (*mask.Row, error) {
	fields, err := readFields(body)
	if err != nil {
		return nil, err
	}
	if len(fields) != len(r.masks) {
		return nil, fmt.Errorf("the result has %d columns, and %d were expected", len(fields), len(r.masks))
	}
	columns, formats := make([]mask.Column, len(fields)), make([]int16, len(fields))
	for i, f := range fields {
		if !r.expected(i, f.column) {
			return nil, fmt.Errorf("column %s of the result comes from another table than was expected", strconv.Quote(f.name))
		}
		columns[i] = mask.Column{Name: f.name, Type: mask.Type{OID: f.typ, Name: r.typeName(i, f.typ)}, Mask: r.masks[i]}
		formats[i] = f.format
	}
	return mask.NewRow(columns, formats)
}

// typeName is the name of the type of a column that comes as it is, for those
// of extensions, whose number tells nothing.
func (r *resultMasks) typeName(at int, oid uint32) string {
	if out := &r.fact.Outputs[at]; out.Exact {
		if c := &r.fact.Columns[out.Origins[0]]; c.TypeOID == oid {
			return c.Type
		}
	}
	return ""
}

// expected reports whether a column of the result may come from where the
// server says. What it does not say, or says of a view, is not held against
// anything.
func (r *resultMasks) expected(at int, from catalog.ColumnID) bool {
	if from.Relation == 0 {
		return true
	}
	relation := r.book.Relation(from.Relation)
	if relation == nil {
		return r.made
	}
	column := relation.Column(from.Num)
	if column == nil && r.added(at, relation) {
		return true
	}
	if column == nil || relation.Kind == catalog.View || relation.Kind == catalog.MaterializedView {
		return !r.fact.Outputs[at].Exact || column != nil
	}
	for _, origin := range r.fact.Outputs[at].Origins {
		c := &r.fact.Columns[origin]
		if c.Name != column.Name {
			continue
		}
		if c.Schema == relation.Schema && c.Relation == relation.Name {
			return true
		}
		for _, id := range r.book.SameColumns(from) {
			if same := r.book.Relation(id.Relation); same != nil && same.Schema == c.Schema && same.Name == c.Relation {
				return true
			}
		}
	}
	return false
}

// added reports whether a column of the result is one that the session has
// added to a relation since the book was read.
func (r *resultMasks) added(at int, to *catalog.Relation) bool {
	return slices.ContainsFunc(r.fact.Outputs[at].Origins, func(origin int) bool {
		c := &r.fact.Columns[origin]
		has := func(known catalog.Column) bool { return known.Name == c.Name }
		return c.Schema == to.Schema && c.Relation == to.Name && !slices.ContainsFunc(to.Columns, has)
	})
}

// namesNew reports whether a statement names a relation that a book does not
// have.
func namesNew(book *policy.Book, fact *policy.StatementFact) bool {
	seen := catalog.Sight{Snapshot: book.Snapshot, Path: []string{}}
	return slices.ContainsFunc(fact.Relations, func(r policy.RelationFact) bool {
		_, is := seen.Find(r.Schema, r.Name)
		return r.Name != "" && is != catalog.Known
	})
}

// stream makes ready for the stream of a COPY whose beginning the server has
// announced (CopyOutResponse).
func (r *resultMasks) stream(body []byte) (*mask.Copy, error) {
	if r.copy == nil || len(body) < 3 {
		return nil, errors.New("a COPY was announced and none was expected")
	}
	read, err := copyOptions(r.copy)
	if err != nil {
		return nil, err
	}
	switch n := int(binary.BigEndian.Uint16(body[1:])); {
	case n != len(r.masks):
		return nil, fmt.Errorf("the COPY has %d columns, and %d were expected", n, len(r.masks))
	case (body[0] == 1) != (read.Format == mask.Binary):
		return nil, errors.New("the COPY comes in another format than was asked for")
	}
	columns := make([]mask.Column, len(r.masks))
	for i, m := range r.masks {
		out := &r.fact.Outputs[i]
		columns[i] = mask.Column{Name: out.Name, Mask: m}
		if out.Exact {
			c := &r.fact.Columns[out.Origins[0]]
			columns[i].Type, columns[i].NotNull = mask.Type{OID: c.TypeOID, Name: c.Type}, c.NotNull
		}
	}
	return mask.NewCopy(columns, read)
}

// copyOptions are what the client has asked of a COPY.
func copyOptions(c *statement.CopyOut) (mask.Options, error) {
	options := make([]mask.Option, len(c.Options))
	for i, o := range c.Options {
		options[i] = mask.Option{Name: o.Name, Value: o.Value, Values: o.Values, Star: o.Star}
	}
	return mask.ReadOptions(options)
}
