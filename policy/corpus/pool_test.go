package corpus_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/corpus"
	"github.com/sluice-pg/sluice/policy/statement"
)

func TestPool(t *testing.T) {
	got, err := corpus.Pool("# one\nSELECT 1\n\n\"SELECT\\n2\"\n== ddl\nDROP TABLE t\n# more\n== parse_error\nSELEC\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []corpus.Text{
		{Line: 2, SQL: "SELECT 1", Everyday: true},
		{Line: 4, SQL: "SELECT\n2", Everyday: true},
		{Line: 6, SQL: "DROP TABLE t", Kind: statement.DDL},
		{Line: 9, SQL: "SELEC", Kind: statement.ParseError},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"== dld\nSELECT 1\n", "\"SELECT\n"} {
		if texts, err := corpus.Pool(bad); err == nil {
			t.Errorf("%q reads as %v", bad, texts)
		}
	}
}
