package house

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// Every module that our code imports is in the README with its reason, and
// the README names no other.
func TestDependencyTable(t *testing.T) {
	named := map[string]bool{}
	for _, row := range table(t, section(t, read(t, "README.md"), "Dependencies"), "module") {
		path := unquoted(t, row[0])
		if named[path] {
			t.Errorf("%s is there twice", path)
		}
		named[path] = true
		if len(row) != 2 || len(row[1]) < 10 {
			t.Errorf("%s has no reason", path)
		}
	}
	gomod, err := modfile.Parse("go.mod", []byte(read(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	direct := importedModules(t, gomod)
	for _, r := range gomod.Require {
		if !r.Indirect {
			direct[r.Mod.Path] = true
		}
	}
	for path := range direct {
		if !named[path] {
			t.Errorf("%s is a dependency, and the README gives no reason for it", path)
		}
	}
	for path := range named {
		if !direct[path] {
			t.Errorf("the README gives a reason for %s, which nothing imports", path)
		}
	}
}

// Modules that only tests build name what they need, too, and none of that
// comes into Sluice. Vault's client and its parts come under another licence
// than Vault, and in another module.
func TestTestModulesKeepTheirModules(t *testing.T) {
	text := section(t, read(t, "README.md"), "Dependencies")
	ours := read(t, "go.mod")
	for name, foreign := range map[string][]string{
		"integration/deploy/render/go.mod":  {"helm.sh/", "k8s.io/", "github.com/compose-spec/"},
		"integration/vault/go.mod":          {"github.com/hashicorp/vault ", "github.com/hashicorp/vault/sdk", "github.com/hashicorp/vault-plugin-"},
		"integration/login/provider/go.mod": {"github.com/zitadel/"},
	} {
		theirs, err := modfile.Parse(name, []byte(read(t, name)), nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range theirs.Require {
			if r.Indirect {
				continue
			}
			n++
			if !strings.Contains(text, "`"+r.Mod.Path+"`") {
				t.Errorf("%s needs %s, and the README does not say what for", name, r.Mod.Path)
			}
		}
		if n == 0 {
			t.Errorf("%s needs nothing", name)
		}
		for _, prefix := range foreign {
			if strings.Contains(ours, prefix) {
				t.Errorf("go.mod has modules of %s", prefix)
			}
		}
	}
}

// importedModules returns the modules of go.mod that a package or test of
// ours imports.
func importedModules(t *testing.T, gomod *modfile.File) map[string]bool {
	t.Helper()
	const form = `{{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`
	found := map[string]bool{}
	for _, pkg := range goList(t, "-f", form, "./...") {
		best := ""
		for _, r := range gomod.Require {
			if within(pkg, r.Mod.Path) && len(r.Mod.Path) > len(best) {
				best = r.Mod.Path
			}
		}
		if best != "" {
			found[best] = true
		}
	}
	return found
}

// Every package has its line in the layout, and every line its folder.
func TestLayoutTable(t *testing.T) {
	listed := map[string]bool{}
	for _, row := range table(t, section(t, read(t, "README.md"), "Layout"), "folder") {
		folder := unquoted(t, row[0])
		listed[folder] = true
		if info, err := os.Stat(filepath.Join(root, folder)); err != nil || !info.IsDir() {
			t.Errorf("the layout names %s, which is no folder", folder)
		}
	}
	for _, pkg := range goList(t, "./...") {
		if folder := strings.TrimPrefix(pkg, module+"/"); !listed[folder] {
			t.Errorf("the layout does not name %s", folder)
		}
	}
}

// The table of kinds is complete and in order, its examples are of their
// kinds, and the empty policy does with them what the table says.
func TestKindTable(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	defer analyzer.Close()
	empty, err := policy.Parse("empty", []byte("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, row := range table(t, section(t, read(t, "README.md"), "What it stops"), "kind") {
		kind, example := unquoted(t, row[0]), unquoted(t, row[1])
		kinds = append(kinds, kind)
		a := analyzer.Analyze(context.Background(), example)
		if a.Kind.String() != kind {
			t.Errorf("%s is of kind %s, the README says %s", example, a.Kind, kind)
		}
		decision := empty.Decide(&policy.Request{
			Identity: policy.Identity{User: "alice", Method: "scram-sha-256"},
			Session:  policy.Session{Database: "shop", Address: "127.0.0.1"},
			Kind:     a.Kind, Problem: a.Problem, Statements: a.Statements,
		})
		if works := row[2] == "works"; works != (decision.Verdict == policy.Allow) {
			t.Errorf("%s: the README says %q, the decision is %s", example, row[2], decision.Verdict)
		}
	}
	var want []string
	for _, k := range statement.Kinds() {
		want = append(want, k.String())
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the kinds are %q, the README has %q", want, kinds)
	}
}

// shellLines returns the commands in a document's sh blocks, without
// comments.
func shellLines(document string) []string {
	var lines []string
	in := false
	scan := bufio.NewScanner(strings.NewReader(document))
	for scan.Scan() {
		switch line := scan.Text(); {
		case strings.HasPrefix(line, "```"):
			in = line == "```sh"
		case in:
			line, _, _ = strings.Cut(" "+line, " #")
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

var (
	scriptOfOurs = regexp.MustCompile(`(?:^|\s)(\./[a-z/]+)`)
	folderOfOurs = regexp.MustCompile(`\s\./([a-z/-]+?)(?:/\.\.\.)?(?:\s|$)`)
)

// The commands that the documents tell people to type exist.
func TestCommandsExist(t *testing.T) {
	for _, document := range []string{"README.md", "CONTRIBUTING.md"} {
		lines := shellLines(read(t, document))
		if len(lines) < 5 {
			t.Errorf("%s: only %d commands found", document, len(lines))
		}
		for _, line := range lines {
			words := strings.Fields(line)
			switch {
			case words[0] == "sluice":
				checkProgram(t, words[1:])
			case words[0] == "go":
				for _, m := range folderOfOurs.FindAllStringSubmatch(line, -1) {
					exists(t, document, m[1])
				}
			case strings.HasPrefix(words[0], "./"):
				path := scriptOfOurs.FindStringSubmatch(line)[1]
				if info := exists(t, document, path); info != nil && info.Mode()&0o111 == 0 {
					t.Errorf("%s: %s cannot be run", document, path)
				}
			}
		}
	}
}

func exists(t *testing.T, document, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(filepath.Join(root, path))
	if err != nil {
		t.Errorf("%s: %v", document, err)
	}
	return info
}

// checkProgram asks the program for the help of a command, and looks there
// for the flags.
func checkProgram(t *testing.T, words []string) {
	t.Helper()
	var command, flags []string
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "--"):
			flags = append(flags, w)
		case len(flags) == 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(w):
			command = append(command, w)
		}
	}
	out, err := run(sluice, append(command, "--help")...)
	if err != nil || !strings.Contains(out, "sluice "+strings.Join(command, " ")+" - ") {
		t.Errorf("there is no command sluice %s (%v)", strings.Join(command, " "), err)
	}
	for _, f := range flags {
		if !strings.Contains(out, f+" ") {
			t.Errorf("sluice %s has no flag %s", strings.Join(command, " "), f)
		}
	}
}

// The table of commands names every command, with flags that exist.
func TestCommandTable(t *testing.T) {
	var listed []string
	for _, row := range table(t, section(t, read(t, "README.md"), "Commands"), "command") {
		words := strings.Fields(unquoted(t, row[0]))
		if words[0] != "sluice" {
			continue
		}
		checkProgram(t, words[1:])
		listed = append(listed, words[1])
	}
	help, err := run(sluice, "--help")
	if err != nil {
		t.Fatal(err)
	}
	_, commands, _ := strings.Cut(help, "COMMANDS:\n")
	commands, _, _ = strings.Cut(commands, "\n\n")
	for line := range strings.Lines(commands) {
		name := strings.TrimSuffix(strings.Fields(line)[0], ",")
		if name != "help" && !slices.Contains(listed, name) {
			t.Errorf("the README does not name sluice %s", name)
		}
	}
}

// Links inside the repository lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)\)`)
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			if !strings.Contains(m[1], "://") {
				exists(t, document, m[1])
			}
		}
	}
}

// The list of packages whose tests take -rewrite is complete.
func TestRewriteList(t *testing.T) {
	text := section(t, read(t, "CONTRIBUTING.md"), "Test data")
	flag := regexp.MustCompile(`flag\.Bool\("rewrite"`)
	tests, err := filepath.Glob(filepath.Join(root, "*", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*/*/*_test.go", "*/*/*/*_test.go"} {
		more, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, more...)
	}
	for _, path := range tests {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.ToSlash(filepath.Dir(name))
		if flag.MatchString(read(t, name)) && !strings.Contains(text, "`"+folder+"`") {
			t.Errorf("CONTRIBUTING.md does not say that the tests of %s take -rewrite", folder)
		}
	}
}
