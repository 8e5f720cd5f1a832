package strictyaml_test

import (
	"errors"
	"testing"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// FuzzDecodeStrict looks for panics, and for errors without a name.
func FuzzDecodeStrict(f *testing.F) {
	for _, seed := range []string{
		"", "version: 1\nname: x\n", "names: [a, 'b', \"c\"]\n", "words: |\n  a\n  b\n", "a: &a [*a]\n", "? a\n: b\n",
		"places:\n  x: {host: y}\n", "---\na: 1\n...\n---\nb: 2\n", "name: >-\n  folded\n  text\n", "{", "[[", "name: \"\\x", "- - -", "\t",
		"from: [10.0.0.0/8]\nwait: 5m\n", "name: a\n  b\n c: d\n", "%YAML 1.2\n", "!!str a", "<<: {a: b}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := strictyaml.DecodeStrict("doc.yaml", data, new(sample))
		if err == nil {
			return
		}
		var located *strictyaml.Error
		if !errors.As(err, &located) {
			t.Fatalf("an error of another type: %v", err)
		}
		if located.Message == "" || located.Name != "doc.yaml" {
			t.Fatalf("an error without words: %#v", located)
		}
	})
}
