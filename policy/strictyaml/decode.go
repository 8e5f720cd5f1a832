package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Text is a text with its place in the document.
type Text struct {
	Position
	Value string
}

// Scalar is a text or a whole number, as it was written, with its place in
// the document.
type Scalar struct {
	Position
	Value string
}

var (
	scalarType   = reflect.TypeFor[Scalar]()
	positionType = reflect.TypeFor[Position]()
	textType     = reflect.TypeFor[Text]()
	durationType = reflect.TypeFor[time.Duration]()
	unmarshaler  = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// Decode reads the document into the value that into points at.
func (d *Document) Decode(into any) (err error) {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("strictyaml: cannot decode into %T, want a pointer", into)
	}
	if d.body == nil {
		return nil
	}
	w := &walk{document: d, errs: d.Errors()}
	w.value(d.body, target.Elem(), "the document")
	if err := w.errs.Err(); err != nil {
		return err
	}
	for t := range d.unread {
		w.errs.Addf(position(t), "this could not be assigned to any key: check the indentation around it")
	}
	return w.errs.Err()
}

// walk is one pass over the tree.
type walk struct {
	document *Document
	errs     *Errors
}

// value decodes a node. The subject names it in errors.
func (w *walk) value(n ast.Node, into reflect.Value, subject string) {
	w.seen(n)
	at := place(n)
	if isNull(n) {
		w.errs.Addf(at, "%s has no value: give it one or leave it out", subject)
		return
	}
	t := into.Type()
	switch {
	case t.Kind() == reflect.Pointer:
		into.Set(reflect.New(t.Elem()))
		w.value(n, into.Elem(), subject)
	case t == textType:
		if s, ok := w.text(n, subject); ok {
			into.Set(reflect.ValueOf(Text{Position: at, Value: s}))
		}
	case t == scalarType:
		if s, ok := w.textOrNumber(n, subject); ok {
			into.Set(reflect.ValueOf(Scalar{Position: at, Value: s}))
		}
	case t == durationType:
		w.duration(n, into, subject)
	case reflect.PointerTo(t).Implements(unmarshaler):
		w.unmarshal(n, into, subject)
	case t.Kind() == reflect.Struct:
		w.structure(n, into, subject)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		w.mapping(n, into, subject)
	case t.Kind() == reflect.Slice:
		w.list(n, into, subject)
	default:
		w.scalar(n, into, subject)
	}
}

func (w *walk) structure(n ast.Node, into reflect.Value, subject string) {
	pairs, ok := w.pairs(n, subject)
	if !ok {
		return
	}
	fields, names := fieldsOf(into)
	for _, pair := range pairs {
		field, known := fields[pair.key]
		if !known {
			w.errs.Addf(pair.at, "unknown key %q in %s%s", pair.key, subject, meant(pair.key, names))
			continue
		}
		if field.nullable && isNull(pair.value) {
			w.seen(pair.value)
			continue
		}
		if field.nullWord && writtenNull(pair.value) {
			w.seen(pair.value)
			field.value.Set(reflect.ValueOf(Text{Position: place(pair.value), Value: "null"}))
			continue
		}
		w.value(pair.value, field.value, "key "+pair.key)
	}
	setPosition(into, place(n))
}

func (w *walk) mapping(n ast.Node, into reflect.Value, subject string) {
	pairs, ok := w.pairs(n, subject)
	if !ok {
		return
	}
	t := into.Type()
	into.Set(reflect.MakeMapWithSize(t, len(pairs)))
	for _, pair := range pairs {
		element := reflect.New(t.Elem()).Elem()
		w.value(pair.value, element, "key "+pair.key)
		if element.Kind() == reflect.Struct && t.Elem() != textType && t.Elem() != scalarType {
			setPosition(element, pair.at)
		}
		into.SetMapIndex(reflect.ValueOf(pair.key).Convert(t.Key()), element)
	}
}

func (w *walk) list(n ast.Node, into reflect.Value, subject string) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		w.mismatch(n, "a list, such as [a, b]", subject)
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(sequence.Values), len(sequence.Values)))
	for i, element := range sequence.Values {
		w.value(element, into.Index(i), fmt.Sprintf("entry %d of %s", i+1, strings.TrimPrefix(subject, "key ")))
	}
}

// pair is one key of a mapping with its value.
type pair struct {
	key   string
	at    Position
	value ast.Node
}

// pairs lists a mapping's keys in order, without the doubled ones, which
// are mistakes.
func (w *walk) pairs(n ast.Node, subject string) ([]pair, bool) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		w.mismatch(n, "keys with values, such as key: value", subject)
		return nil, false
	}
	pairs := make([]pair, 0, len(values))
	first := map[string]Position{}
	for _, v := range values {
		w.seen(v.Key)
		at := place(v.Key)
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			w.errs.Addf(at, "a key of %s must be text: put it in quotes", subject)
			continue
		}
		if before, double := first[key.Value]; double {
			w.errs.Addf(at, "key %q stands twice in %s, first on line %d", key.Value, subject, before.Line)
			continue
		}
		first[key.Value] = at
		pairs = append(pairs, pair{key: key.Value, at: at, value: v.Value})
	}
	return pairs, true
}

// field is a struct field that a key fills.
type field struct {
	value    reflect.Value
	nullable bool
	nullWord bool
}

func fieldsOf(into reflect.Value) (map[string]field, []string) {
	fields := map[string]field{}
	var names []string
	for i := range into.NumField() {
		name, options, _ := strings.Cut(into.Type().Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		fields[name] = field{value: into.Field(i), nullable: options == "nullable", nullWord: options == "nullword"}
		names = append(names, name)
	}
	return fields, names
}

// setPosition fills the struct's field of type Position, if it has one.
func setPosition(into reflect.Value, at Position) {
	for i := range into.NumField() {
		if f := into.Field(i); f.Type() == positionType && f.CanSet() {
			f.Set(reflect.ValueOf(at))
		}
	}
}

// seen notes the scalars of one node, not of those below it.
func (w *walk) seen(n ast.Node) {
	switch n := n.(type) {
	case *ast.LiteralNode:
		delete(w.document.unread, n.Value.GetToken())
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, nil:
	default:
		delete(w.document.unread, n.GetToken())
	}
}

// writtenNull reports whether a value is the word null, and not left out.
func writtenNull(n ast.Node) bool {
	null, is := n.(*ast.NullNode)
	return is && null.GetToken() != nil && null.GetToken().Value == "null"
}

func isNull(n ast.Node) bool {
	if n == nil {
		return true
	}
	_, null := n.(*ast.NullNode)
	return null
}

// place is where a node begins: for a mapping its first key, for a text in
// several lines the sign that opens it.
func place(n ast.Node) Position {
	var t *token.Token
	switch n := n.(type) {
	case nil:
	case *ast.MappingNode:
		if t = n.Start; len(n.Values) > 0 && !n.IsFlowStyle {
			t = n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		t = n.Key.GetToken()
	case *ast.LiteralNode:
		t = n.Start
	default:
		t = n.GetToken()
	}
	return position(t)
}
