package statement

import (
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// literalFree are the statements whose analysis does not depend on literals
// as long as none was looked at. The world is closed: a literal counts in
// every other statement, wherever it stands inside the text.
var literalFree = setOf(
	"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt",
	"PrepareStmt", "DeclareCursorStmt", "ExplainStmt", "TransactionStmt",
)

// literalsMatter notes that the analysis has looked at the value of a
// literal. Whoever looks at one must say so first: a text that differs in
// nothing else gets the same analysis.
func (w *walker) literalsMatter() { w.st.LiteralsMatter = true }

// constant is the text of a constant; casts to text change nothing. No other
// code of this package looks at the value of a constant.
func (w *walker) constant(n *pg.Node) (string, bool) {
	if tc := n.GetTypeCast(); tc != nil {
		if !textType(tc.TypeName) {
			return "", false
		}
		return w.constant(tc.Arg)
	}
	c := n.GetAConst()
	if c == nil || c.Isnull {
		return "", false
	}
	if keyword, ok := c.Val.(*pg.A_Const_Boolval); ok {
		return strconv.FormatBool(keyword.Boolval.GetBoolval()), true
	}
	w.literalsMatter()
	switch v := c.Val.(type) {
	case *pg.A_Const_Sval:
		return v.Sval.GetSval(), true
	case *pg.A_Const_Ival:
		return strconv.Itoa(int(v.Ival.GetIval())), true
	case *pg.A_Const_Fval:
		return v.Fval.GetFval(), true
	}
	return "", false
}

func textType(t *pg.TypeName) bool {
	if t == nil || len(t.Typmods) > 0 || len(t.ArrayBounds) > 0 || t.Setof {
		return false
	}
	schema, name := qualified(t.Names)
	return (schema == "" || schema == "pg_catalog") && (name == "text" || name == "varchar")
}

// isNull reports whether an expression is the keyword NULL, which is no
// literal.
func isNull(n *pg.Node) bool { return n.GetAConst().GetIsnull() }

// optionValue is what may be recorded of an option's value, see Option.
func (w *walker) optionValue(n *pg.Node) string {
	if _, text := n.GetNode().(*pg.Node_String_); text {
		if word := strings.ToLower(w.wholeOption(n)); optionWords[word] {
			return word
		}
		return ""
	}
	return w.wholeOption(n)
}

// wholeOption is the value of an option as it is written, which may be one of
// the client's: it is not to be recorded.
func (w *walker) wholeOption(n *pg.Node) string {
	if n != nil {
		w.literalsMatter()
	}
	switch v := n.GetNode().(type) {
	case *pg.Node_String_:
		return v.String_.Sval
	case *pg.Node_Integer:
		return strconv.Itoa(int(v.Integer.Ival))
	case *pg.Node_Float:
		return v.Float.Fval
	case *pg.Node_Boolean:
		return strconv.FormatBool(v.Boolean.Boolval)
	}
	return ""
}

// isConstant reports whether a node is a constant, without a look at it.
func isConstant(n *pg.Node) bool {
	_, is := n.GetNode().(*pg.Node_AConst)
	return is
}

// What follows makes constants for statements that Sluice writes; it reads none
// that an analysis would depend on.

// textNode is a string literal.
func textNode(s string) *pg.Node {
	return &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Sval{Sval: &pg.String{Sval: s}}}}}
}

// intNode is an integer literal; n is not negative.
func intNode(n int) *pg.Node {
	return &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Val: &pg.A_Const_Ival{Ival: &pg.Integer{Ival: int32(n)}}}}}
}

// nullNode is NULL.
func nullNode() *pg.Node {
	return &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Isnull: true}}}
}

// truthWord is the word for a truth value that the parser made of an option
// without a value, such as HEADER.
func truthWord(n *pg.Node) (word string, made bool) {
	b := n.GetBoolean()
	return strconv.FormatBool(b.GetBoolval()), b != nil
}
