package statement

import (
	"reflect"
	"slices"
	"sync"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// children visits all fields of a message.
func (w *walker) children(message any) {
	v := reflect.ValueOf(message)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return
	}
	w.fields(v.Elem())
}

func (w *walker) fields(v reflect.Value) {
	for _, part := range plan(v.Type()) {
		w.part(v, part)
	}
}

// except visits all fields of a message but those named, which the caller has
// dealt with.
func (w *walker) except(message any, done ...string) {
	v := reflect.ValueOf(message).Elem()
	for _, part := range plan(v.Type()) {
		if !slices.Contains(done, part.name) {
			w.part(v, part)
		}
	}
}

func (w *walker) part(v reflect.Value, part part) {
	if !part.predicate || w.use == Used {
		w.value(v.Field(part.index))
		return
	}
	w.using(Used, func() { w.value(v.Field(part.index)) })
}

func (w *walker) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !w.visit(v.Interface()) {
			w.fields(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.value(v.Index(i))
		}
	case reflect.Interface: // a oneof: a wrapper struct with one field
		if !v.IsNil() {
			w.value(v.Elem().Elem().Field(0))
		}
	}
}

// walkNodes visits nodes with visit, as children does for fields.
func (w *walker) walkNodes(nodes []*pg.Node) {
	for _, n := range nodes {
		w.walkNode(n)
	}
}

func (w *walker) walkNode(n *pg.Node) {
	if n != nil {
		w.value(reflect.ValueOf(n))
	}
}

// part is a field of a message that holds messages.
type part struct {
	index     int
	name      string
	predicate bool
}

var plans sync.Map // reflect.Type of a message struct -> []part

// plan lists the fields of a message that hold messages.
func plan(t reflect.Type) []part {
	if p, ok := plans.Load(t); ok {
		return p.([]part)
	}
	var fields []part
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		kind := f.Type.Kind()
		if kind == reflect.Slice {
			kind = f.Type.Elem().Kind()
		}
		if kind == reflect.Pointer || kind == reflect.Interface {
			fields = append(fields, part{i, f.Name, predicates[t.Name()+"."+f.Name]})
		}
	}
	plans.Store(t, fields)
	return fields
}

// strs are the values of a list of String nodes, such as a qualified name.
func strs(nodes []*pg.Node) []string {
	out := make([]string, 0, len(nodes))
	for _, n := range nodes {
		if s, ok := n.GetNode().(*pg.Node_String_); ok {
			out = append(out, s.String_.Sval)
		}
	}
	return out
}

// qualified splits a dotted name into its schema and its last part. A
// database name in front must be the current one and is dropped.
func qualified(nodes []*pg.Node) (schema, name string) {
	parts := strs(nodes)
	switch len(parts) {
	case 0:
		return "", ""
	case 1:
		return "", parts[0]
	}
	return parts[len(parts)-2], parts[len(parts)-1]
}
