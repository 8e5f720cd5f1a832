package statement

import (
	"slices"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// notTopLevel are the statement messages that only occur inside others.
var notTopLevel = []string{"RawStmt", "SetOperationStmt", "ReturnStmt", "PLAssignStmt", "ReplicaIdentityStmt"}

// Every statement type of the parser's module is judged by the closed switch
// and has a case in testdata/kinds.txt.
func TestEveryStatementTypeIsKnown(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range parseCases(t, "testdata/kinds.txt") {
		for _, line := range strings.Split(c.input, "\n") {
			tree, err := pg.Parse(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			for _, raw := range tree.Stmts {
				seen[nodeName(raw.Stmt)] = true
			}
		}
	}
	fields := (&pg.Node{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	count := 0
	for i := range fields.Len() {
		name := string(fields.Get(i).Message().Name())
		if !strings.HasSuffix(name, "Stmt") || slices.Contains(notTopLevel, name) {
			continue
		}
		count++
		if !seen[name] {
			t.Errorf("no case for %s in testdata/kinds.txt", name)
		}
		// Its empty message must be judged or refused, and by one road only.
		w := newWalker(0)
		node := emptyNode(fields.Get(i))
		_, simple := simpleStatements[name]
		if known := w.dispatch(node); known == simple {
			t.Errorf("%s: in the list of simple ones %t, in the switches %t", name, simple, known)
		}
	}
	if count != 112 {
		t.Errorf("the parser's module has %d top-level statement types, not 112: read its release notes", count)
	}
}

func emptyNode(field protoreflect.FieldDescriptor) *pg.Node {
	node := &pg.Node{}
	m := node.ProtoReflect()
	m.Set(field, m.NewField(field))
	return node
}

// A statement type nobody knows is refused.
func TestUnknownStatementIsRefused(t *testing.T) {
	for _, node := range []*pg.Node{
		nil,
		{},
		{Node: &pg.Node_RawStmt{RawStmt: &pg.RawStmt{}}},
		{Node: &pg.Node_ReturnStmt{ReturnStmt: &pg.ReturnStmt{}}},
		{Node: &pg.Node_AConst{AConst: &pg.A_Const{}}},
	} {
		w := newWalker(0)
		w.statement(node)
		if st, problem := w.finish(); problem == nil {
			t.Errorf("%v was judged %s", node, st.Kind)
		}
	}
}

// WITH clauses are walked by their owners, which must be the ones known.
func TestOwnersOfWithClauses(t *testing.T) {
	var owners []string
	messages := pg.File_pg_query_proto.Messages()
	for i := range messages.Len() {
		fields := messages.Get(i).Fields()
		for j := range fields.Len() {
			if m := fields.Get(j).Message(); m != nil && m.Name() == "WithClause" && messages.Get(i).Name() != "Node" {
				owners = append(owners, string(messages.Get(i).Name()))
			}
		}
	}
	slices.Sort(owners)
	want := []string{"DeleteStmt", "InsertStmt", "MergeStmt", "SelectStmt", "UpdateStmt"}
	if !slices.Equal(owners, want) {
		t.Errorf("owners of WITH are %v, want %v", owners, want)
	}
}

// Every command of ALTER TABLE is in exactly one of the two lists.
func TestEveryAlterTableCommandIsKnown(t *testing.T) {
	for number, name := range pg.AlterTableType_name {
		sub := pg.AlterTableType(number)
		_, worse := alterKinds[sub]
		if undefined := number == 0; (worse == harmlessAlters[sub]) != undefined {
			t.Errorf("%s: worse %t, harmless %t", name, worse, harmlessAlters[sub])
		}
	}
}

// goName is the Go name of a field of the parser's messages.
func goName(field string) string {
	var b strings.Builder
	for _, part := range strings.Split(field, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// Every predicate is a field of the parser's tree: a misspelled one would turn
// a filter into output, or the other way round.
func TestPredicatesAreFields(t *testing.T) {
	known := map[string]bool{}
	messages := pg.File_pg_query_proto.Messages()
	for i := range messages.Len() {
		fields := messages.Get(i).Fields()
		for j := range fields.Len() {
			known[string(messages.Get(i).Name())+"."+goName(string(fields.Get(j).Name()))] = true
		}
	}
	for name := range predicates {
		if !known[name] {
			t.Errorf("the tree has no field %s", name)
		}
	}
}

// What the parser can put into a tree is what this package was written for.
// A number that differs means a new release of the parser: read what is new,
// give it a branch, then change the number.
func TestNothingIsNew(t *testing.T) {
	nodes := (&pg.Node{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields().Len()
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"node types", nodes, 268},
		{"object types", len(pg.ObjectType_name), 53},
		{"commands of ALTER TABLE", len(pg.AlterTableType_name), 68},
		{"forms of SET", len(pg.VariableSetKind_name), 7},
		{"forms of transaction statements", len(pg.TransactionStmtKind_name), 11},
		{"forms of DISCARD", len(pg.DiscardMode_name), 5},
		{"kinds of expressions with operators", len(pg.A_Expr_Kind_name), 15},
		{"kinds of sub-selects", len(pg.SubLinkType_name), 9},
		{"kinds of constraints", len(pg.ConstrType_name), 15},
		{"modes of parameters", len(pg.FunctionParameterMode_name), 7},
		{"set operations", len(pg.SetOperation_name), 5},
		{"commands", len(pg.CmdType_name), 9},
	} {
		if c.got != c.want {
			t.Errorf("the parser has %d %s, not %d", c.got, c.what, c.want)
		}
	}
}
