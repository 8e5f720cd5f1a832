package statement

import (
	"errors"
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// nameNode is one part of a name.
func nameNode(s string) *pg.Node {
	return &pg.Node{Node: &pg.Node_String_{String_: &pg.String{Sval: s}}}
}

// columnNode is a reference to a column by the parts of its name.
func columnNode(parts ...string) *pg.Node {
	var fields []*pg.Node
	for _, p := range parts {
		fields = append(fields, nameNode(p))
	}
	return &pg.Node{Node: &pg.Node_ColumnRef{ColumnRef: &pg.ColumnRef{Fields: fields}}}
}

// targetNode is an output column of a SELECT.
func targetNode(name string, value *pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_ResTarget{ResTarget: &pg.ResTarget{Name: name, Val: value}}}
}

// plainSelect is SELECT targets FROM one item.
func plainSelect(targets []*pg.Node, from *pg.Node) *pg.Node {
	return &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: &pg.SelectStmt{
		TargetList:  targets,
		FromClause:  []*pg.Node{from},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT,
		Op:          pg.SetOperation_SETOP_NONE,
	}}}
}

func cast(value *pg.Node, to *pg.TypeName) *pg.Node {
	return &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: value, TypeName: proto.CloneOf(to)}}}
}

// catalogType is a type of pg_catalog by its name in pg_type.
func catalogType(name string) *pg.TypeName {
	return &pg.TypeName{Names: []*pg.Node{nameNode("pg_catalog"), nameNode(name)}, Typemod: -1}
}

// typed is a constant of a type of pg_catalog.
func typed(value, name string) *pg.Node { return cast(textNode(value), catalogType(name)) }

// typeNode reads a type as format_type writes it. A name without schema is
// made one of pg_catalog.
func typeNode(written string) (*pg.TypeName, error) {
	const most = 1024 // bytes; two names of 63, quotes doubled, with a length
	if written == "" || len(written) > most || !crudeCount(written).fits(Options{}.withDefaults()) {
		return nil, fmt.Errorf("%q is not the name of a type", clip(written))
	}
	read, err := expression("NULL::" + written)
	if err != nil {
		return nil, fmt.Errorf("%q is not the name of a type", written)
	}
	c := read.GetTypeCast()
	t := c.GetTypeName()
	if t == nil || !proto.Equal(withoutPlaces(c.Arg), nullNode()) || t.Setof || t.PctType || len(t.Names) > 2 {
		return nil, fmt.Errorf("%q is not the name of a type", written)
	}
	if len(t.Names) == 1 {
		t.Names = append([]*pg.Node{nameNode("pg_catalog")}, t.Names...)
	}
	return t, nil
}

// expression reads one expression of text that is no client's.
func expression(text string) (*pg.Node, error) {
	tree, err := pg.Parse("SELECT " + text)
	if err != nil {
		return nil, err
	}
	stmts := tree.GetStmts()
	if len(stmts) != 1 {
		return nil, errors.New("not one statement")
	}
	targets := stmts[0].GetStmt().GetSelectStmt().GetTargetList()
	if len(targets) != 1 || targets[0].GetResTarget().GetName() != "" {
		return nil, errors.New("not one expression")
	}
	value := targets[0].GetResTarget().GetVal()
	if !proto.Equal(withoutPlaces(stmts[0].Stmt), withoutPlaces(selectOf(value))) {
		return nil, errors.New("more than an expression")
	}
	return withoutPlaces(value), nil
}

// selectOf is SELECT and an expression.
func selectOf(value *pg.Node) *pg.Node {
	n := plainSelect([]*pg.Node{targetNode("", value)}, nil)
	n.GetSelectStmt().FromClause = nil
	return n
}

// filled is a template of this package with $1, $2 and so on replaced.
func filled(template string, values ...*pg.Node) (*pg.Node, error) {
	n, err := expression(template)
	if err != nil {
		return nil, fmt.Errorf("statement: template of a mask: %w", err)
	}
	fill(n.ProtoReflect(), values)
	return n, nil
}

// fill replaces the parameters in a message with copies of values.
func fill(m protoreflect.Message, values []*pg.Node) {
	if n, ok := m.Interface().(*pg.Node); ok {
		if p := n.GetParamRef(); p != nil {
			n.Node = proto.CloneOf(values[p.Number-1]).Node
			return
		}
	}
	eachMessage(m, func(inner protoreflect.Message) { fill(inner, values) })
}

// withoutPlaces is a copy that does not say where in its text it was.
func withoutPlaces[M proto.Message](message M) M {
	c := proto.Clone(message)
	dropPlaces(c.ProtoReflect())
	return c.(M)
}

func dropPlaces(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		name := string(f.Name())
		if f.Kind() == protoreflect.Int32Kind && (name == "location" || strings.HasSuffix(name, "_location") || name == "stmt_len") {
			m.Clear(f)
		}
		return true
	})
	eachMessage(m, dropPlaces)
}

// eachMessage calls do with the messages in the fields of m.
func eachMessage(m protoreflect.Message, do func(protoreflect.Message)) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() != protoreflect.MessageKind {
			return true
		}
		if !f.IsList() {
			do(v.Message())
			return true
		}
		for i := range v.List().Len() {
			do(v.List().Get(i).Message())
		}
		return true
	})
}
