package main

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// target is one fuzz function.
type target struct {
	// pkg is the package's folder, relative to the module, with slashes.
	pkg  string
	name string
}

func (t target) String() string { return t.pkg + " " + t.name }

func compare(a, b target) int { return strings.Compare(a.String(), b.String()) }

// readList reads lines of a package's folder and a function's name, separated
// by a space; empty lines and those that begin with # mean nothing.
func readList(r io.Reader) ([]target, error) {
	var out []target
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 2 || !strings.HasPrefix(words[1], "Fuzz") || path.Clean(words[0]) != words[0] {
			return nil, fmt.Errorf("line %d: %q is not a package's folder and the name of a fuzz function", number, lines.Text())
		}
		out = append(out, target{words[0], words[1]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	slices.SortFunc(out, compare)
	if i := firstDouble(out); i >= 0 {
		return nil, fmt.Errorf("%v is there twice", out[i])
	}
	return out, nil
}

func firstDouble(sorted []target) int {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return i
		}
	}
	return -1
}

// readSources finds every fuzz function in the test files below root.
func readSources(root string) ([]target, error) {
	var out []target
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if file == root {
				return nil
			}
			return skipFolder(entry.Name())
		}
		if !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		names, err := fuzzFunctions(file)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(file))
		for _, name := range names {
			out = append(out, target{filepath.ToSlash(pkg), name})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	slices.SortFunc(out, compare)
	return out, nil
}

// skipFolder leaves out what the go tool leaves out.
func skipFolder(name string) error {
	if name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules" {
		return filepath.SkipDir
	}
	return nil
}

func fuzzFunctions(file string) ([]string, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

// difference tells every target that only one side has.
func difference(listed, present []target) []string {
	var out []string
	for _, t := range listed {
		if !slices.Contains(present, t) {
			out = append(out, fmt.Sprintf("%v is named in the list but there is no such function", t))
		}
	}
	for _, t := range present {
		if !slices.Contains(listed, t) {
			out = append(out, fmt.Sprintf("%v is not named in the list", t))
		}
	}
	return out
}
