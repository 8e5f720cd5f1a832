package corpus_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/corpus"
	"github.com/sluice-pg/sluice/policy/statement"
)

func TestTable(t *testing.T) {
	got, err := corpus.Table("section 1 One\n\nentry a\nkind ddl\n| DROP TABLE t\ndeny allow | SELECT 1 | 2\n" +
		"kind ordinary_read\n# why\ncatalog who knows\nallow | \"SELECT\\n1\"\n\nentry b\nelsewhere there\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []corpus.Row{
		{Line: 5, Section: "1 One", What: "a", Kind: statement.DDL, SQL: "DROP TABLE t"},
		{Line: 6, Section: "1 One", What: "a", Kind: statement.DDL, SQL: "SELECT 1 | 2"},
		{Line: 10, Section: "1 One", What: "a", Catalog: "who knows", Kind: statement.OrdinaryRead, SQL: "SELECT\n1"},
		{Line: 13, Section: "1 One", What: "b", Elsewhere: "there"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{
		"| SELECT 1\n",
		"section 1\nentry a\n| SELECT 1\n",
		"section 1\nentry a\nkind dld\n",
		"section 1\nentry a\nkind ddl\nyes | SELECT 1\n",
		"section 1\nentry a\nkind ddl\nSELECT 1\n",
		"section 1\nentry a\nkind ddl\n| \"SELECT\n",
	} {
		if rows, err := corpus.Table(bad); err == nil {
			t.Errorf("%q reads as %v", bad, rows)
		}
	}
}
