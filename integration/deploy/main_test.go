package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/sluice-pg/sluice/integration/secrets"
)

// root is the repository as seen from this package.
const root = "../.."

// sluice and render are the programs, built by TestMain.
var sluice, render string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "deploy")
	if err != nil {
		panic(err)
	}
	sluice, render = filepath.Join(dir, "sluice"), filepath.Join(dir, "render")
	build := func(folder, path, pkg string) {
		cmd := exec.Command("go", "build", "-o", path, pkg)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			os.RemoveAll(dir)
			panic(fmt.Sprintf("%s: %v\n%s", pkg, err, out))
		}
	}
	build(root, sluice, "./cmd/sluice")
	build("render", render, ".")
	stop := secrets.StartWatch()
	code := m.Run()
	stop()
	os.RemoveAll(dir)
	os.Exit(code)
}

// example returns a file under examples.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rendered returns what the program render prints, document by document.
func rendered(t *testing.T, what, name string) []node {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), render, what, filepath.Join(root, "examples", name))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("render %s %s: %v\n%s", what, name, err, stderr.String())
	}
	var all []node
	for document := range strings.SplitSeq("\n"+string(out), "\n---") {
		var v map[string]any
		if err := yaml.Unmarshal([]byte(document), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(v) > 0 {
			all = append(all, node{v})
		}
	}
	return all
}

// node is a place in a document. What is not there is a node of nothing.
type node struct{ value any }

// at follows keys into maps.
func (n node) at(keys ...string) node {
	for _, key := range keys {
		m, _ := n.value.(map[string]any)
		n = node{m[key]}
	}
	return n
}

func (n node) list() []node {
	values, _ := n.value.([]any)
	var all []node
	for _, v := range values {
		all = append(all, node{v})
	}
	return all
}

// named returns the entry of a list whose name it is.
func (n node) named(name string) node {
	for _, entry := range n.list() {
		if entry.at("name").text() == name {
			return entry
		}
	}
	return node{}
}

func (n node) text() string {
	if n.value == nil {
		return ""
	}
	return fmt.Sprint(n.value)
}

func (n node) texts() []string {
	var all []string
	for _, entry := range n.list() {
		all = append(all, entry.text())
	}
	return all
}
