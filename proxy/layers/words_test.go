package layers

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/proxy"
)

var rewrite = flag.Bool("rewrite", false, "write words.txt and examples/sluice.schema.json from the types")

const modulePath = "github.com/sluice-pg/sluice/"

// structsOf lists the struct types that hold settings.
func structsOf(t reflect.Type, found map[reflect.Type]bool) {
	switch {
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice && !isLeaf(t):
		structsOf(t.Elem(), found)
	case t.Kind() == reflect.Struct && !isLeaf(t):
		found[t] = true
		for i := range t.NumField() {
			if keyOf(t.Field(i)) != "" {
				structsOf(t.Field(i).Type, found)
			}
		}
	}
}

// comments reads the comments of struct fields from the source of a package:
// Type.Field to the text on one line.
func comments(t *testing.T, folder string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(folder, err)
	}
	found := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if structure, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range structure.Fields.List {
					for _, name := range field.Names {
						found[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return found
}

// words.txt is what the comments in the source say, with the key in the place
// of the Go name at the beginning. No setting is without a comment.
func TestWordsAreCurrent(t *testing.T) {
	want := currentWords(t)
	if *rewrite {
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(want)) {
			lines = append(lines, name+"\t"+want[name]+"\n")
		}
		if err := os.WriteFile("words.txt", []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, about); diff != "" {
		t.Errorf("words.txt is not what the comments say; write it with -rewrite: %s", diff)
	}
}

func currentWords(t *testing.T) map[string]string {
	t.Helper()
	found := map[reflect.Type]bool{}
	structsOf(reflect.TypeFor[proxy.Config](), found)
	sources := map[string]map[string]string{}
	want := map[string]string{}
	for owner := range found {
		if sources[owner.PkgPath()] == nil {
			sources[owner.PkgPath()] = comments(t, filepath.Join("../..", strings.TrimPrefix(owner.PkgPath(), modulePath)))
		}
		for i := range owner.NumField() {
			f := owner.Field(i)
			if keyOf(f) == "" {
				continue
			}
			text := sources[owner.PkgPath()][owner.Name()+"."+f.Name]
			if len(text) < 8 {
				t.Errorf("%s.%s has no comment, which is what people read about the setting %s", owner, f.Name, keyOf(f))
			}
			if rest, begins := strings.CutPrefix(text, f.Name); begins {
				text = keyOf(f) + rest
			}
			want[owner.String()+"."+f.Name] = text
		}
	}
	return want
}
