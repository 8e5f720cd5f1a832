package statement_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Only literal.go looks at constants of the tree, where it also says so.
// Everywhere else a constant is met by its type at most.
func TestOneAccessorOfConstants(t *testing.T) {
	forbidden := []string{
		"A_Const", "A_Const_Sval", "A_Const_Ival", "A_Const_Fval", "A_Const_Bsval", "A_Const_Boolval", "Node_AConst", "AConst", "GetAConst",
		"GetIval", "GetFval", "GetBsval", "Ival", "Fval", "Bsval", "GetBoolval", "Boolval", "GetFloat", "GetInteger", "GetBitString",
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch {
			case slices.Contains(forbidden, s.Sel.Name):
				if used++; name != "literal.go" {
					t.Errorf("%s reads a constant: use walker.constant", name)
				}
			case s.Sel.Name == "GetSval" && name != "literal.go" && !ofString(s.X):
				t.Errorf("%s calls GetSval of something that may be a constant", name)
			}
			return true
		})
	}
	if used < 5 {
		t.Errorf("literal.go reads constants at %d places only: has the parser's module other names now?", used)
	}
}

// ofString reports whether an expression is a call of GetString_, which gives
// names: a constant has its string one level deeper.
func ofString(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "GetString_"
}
