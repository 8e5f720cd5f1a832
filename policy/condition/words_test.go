package condition

import (
	"slices"
	"testing"
)

// The variables that a mistake lists are those there are.
func TestVariables(t *testing.T) {
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	for _, v := range env.Variables() {
		declared = append(declared, v.Name())
	}
	slices.Sort(declared)
	if missing := slices.DeleteFunc(slices.Clone(variables), func(name string) bool { return slices.Contains(declared, name) }); len(missing) > 0 {
		t.Errorf("%v are listed, and there are %v", missing, declared)
	}
	for name := range (&Input{}).variables() {
		if !slices.Contains(variables, name) {
			t.Errorf("%s is not listed", name)
		}
	}
}
