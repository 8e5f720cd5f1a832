package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPurity keeps the decision free of everything but its inputs, and the
// rooms below it free of the proxy.
func TestPurity(t *testing.T) {
	own := []string{
		"bytes", "cmp", "crypto/sha256", "encoding/hex", "errors", "fmt", "net/netip", "net/url", "regexp", "slices", "strconv", "strings", "time", "unicode/utf8",
		"bytes", "maps", "encoding/json", "reflect",
		"github.com/sluice-pg/sluice/policy/condition", "github.com/sluice-pg/sluice/policy/statement", "github.com/sluice-pg/sluice/policy/strictyaml",
		// What a database says of itself was asked by somebody else, and what a
		// mask does to a value is arithmetic.
		"github.com/sluice-pg/sluice/policy/catalog", "github.com/sluice-pg/sluice/policy/mask",
		// How texts of others are written into reasons and hints.
		"github.com/sluice-pg/sluice/policy/quote",
	}
	files := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if strings.HasPrefix(name, "github.com/sluice-pg/sluice/proxy") {
				t.Errorf("%s imports %s", path, name)
			}
			if filepath.Dir(path) == "." && !strings.HasSuffix(path, "_test.go") && !slices.Contains(own, name) {
				t.Errorf("%s imports %s: a decision needs no such thing", path, name)
			}
		}
		if filepath.Dir(path) == "." && !strings.HasSuffix(path, "_test.go") {
			noClock(t, path, file)
		}
		return nil
	})
	if err != nil || files < 10 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

func noClock(t *testing.T, path string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Local"}, s.Sel.Name) {
			t.Errorf("%s uses time.%s", path, s.Sel.Name)
		}
		return true
	})
}
