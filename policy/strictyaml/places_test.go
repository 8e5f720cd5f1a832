package strictyaml_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

func TestPlaces(t *testing.T) {
	d, err := strictyaml.Open("doc.yaml", []byte("# words\na: 1\nlist:\n  - x: {y: z}\n  - x: |\n      text\n\"k\": [p, 'q']\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]strictyaml.Position{
		"": {2, 1}, "a": {2, 4}, "list": {4, 3}, "list[0]": {4, 5}, "list[0].x": {4, 8}, "list[0].x.y": {4, 12},
		"list[1]": {5, 5}, "list[1].x": {5, 8}, "k": {7, 6}, "k[0]": {7, 7}, "k[1]": {7, 10},
	}
	if diff := cmp.Diff(want, d.Places()); diff != "" {
		t.Error(diff)
	}
	empty, err := strictyaml.Open("doc.yaml", nil)
	if err != nil || len(empty.Places()) != 0 {
		t.Error(empty.Places(), err)
	}
}
