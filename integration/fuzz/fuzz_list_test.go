package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEveryTargetOfTheModuleIsNamed(t *testing.T) {
	if _, err := check("../.."); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsDifferences(t *testing.T) {
	cases := map[string]struct {
		list, source string
		want         string
	}{
		"equal":         {"p FuzzA\n# a comment\n\np FuzzB\n", "func FuzzA(f *testing.F) {}\nfunc FuzzB(f *testing.F) {}", ""},
		"renamed":       {"p FuzzA\n", "func FuzzB(f *testing.F) {}", "p FuzzA is named in the list but there is no such function"},
		"not listed":    {"p FuzzA\n", "func FuzzA(f *testing.F) {}\nfunc FuzzB(f *testing.F) {}", "p FuzzB is not named in the list"},
		"only a method": {"p FuzzA\n", "type x int\nfunc (x) FuzzA(f *testing.F) {}", "no such function"},
		"commented out": {"p FuzzA\n", "// func FuzzA(f *testing.F) {}", "no such function"},
		"twice":         {"p FuzzA\np FuzzA\n", "func FuzzA(f *testing.F) {}", "is there twice"},
		"bad line":      {"p\n", "", "line 1"},
		"bad folder":    {"./p FuzzA\n", "", "line 1"},
		"empty":         {"# nothing\n", "", "names no target"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, listFile, c.list)
			write(t, root, "p/a_test.go", "package p\n"+c.source+"\n")
			write(t, root, "p/testdata/b_test.go", "package p\nfunc FuzzHidden(f *testing.F) {}\n")
			_, err := check(root)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("error %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestRunFailsWhenNothingIsFuzzed(t *testing.T) {
	root := t.TempDir()
	write(t, root, "go.mod", "module example.com/m\n\ngo 1.26\n")
	write(t, root, "p/a_test.go", "package p\nimport \"testing\"\nfunc FuzzA(f *testing.F) { f.Fuzz(func(*testing.T, []byte) {}) }\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := run(ctx, root, target{"p", "FuzzA"}, time.Second, 1); err != nil {
		t.Errorf("a good target: %v", err)
	}
	if err := run(ctx, root, target{"p", "FuzzB"}, time.Second, 1); err == nil || !strings.Contains(err.Error(), "fuzzed nothing") {
		t.Errorf("a target that does not exist: %v", err)
	}
}

func TestOnlyTimeUp(t *testing.T) {
	const late = "fuzz: elapsed: 1s, execs: 18388 (17581/sec)\n--- FAIL: FuzzA (1.05s)\n    context deadline exceeded\nFAIL\nexit status 1\n"
	for out, want := range map[string]bool{
		late: true,
		strings.Replace(late, "context deadline exceeded", "x", 1):       false,
		late + "    Failing input written to testdata/fuzz/FuzzA/0\n":    false,
		late + "panic: runtime error: index out of range\n":              false,
		late + "    --- FAIL: FuzzA (0.00s)\n        a_test.go:7: bad\n": false,
		"": false,
	} {
		if got := onlyTimeUp(out); got != want {
			t.Errorf("%q: %v", out, got)
		}
	}
}

func FuzzReadList(f *testing.F) {
	for _, seed := range []string{"a FuzzA\n", "# x\n\nb/c FuzzB", "a FuzzA\na FuzzA\n", "a", "a b c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		targets, err := readList(strings.NewReader(text))
		if err != nil {
			return
		}
		var again strings.Builder
		for _, one := range targets {
			again.WriteString(one.String() + "\n")
		}
		second, err := readList(strings.NewReader(again.String()))
		if err != nil || len(difference(targets, second)) != 0 {
			t.Errorf("%q read again: %v, %v", again.String(), second, err)
		}
	})
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
