package oracle

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/statement"
)

// fewestExplained is how many texts have a plan on every server at least.
const fewestExplained = 350

// name is a relation as a plan names it.
type name struct{ Schema, Relation string }

// relations holds the relations of plans against those of the analysis.
func (o *oracle) relations(t *testing.T) {
	o.session.t = t
	behind := map[string]map[name]bool{}
	explained := 0
	for _, sql := range o.texts {
		analysis := o.analyses[sql]
		if analysis.Problem != nil || len(analysis.Statements) != 1 || !planned[analysis.Statements[0].Node] {
			continue
		}
		st := analysis.Statements[0]
		plan, ok := o.explain(sql[st.Start:st.End])
		if !ok {
			continue
		}
		explained++
		named := map[name]bool{}
		for _, r := range st.Relations {
			quoted := quote(r)
			if behind[quoted] == nil {
				behind[quoted] = o.behind(quoted)
			}
			for n := range behind[quoted] {
				named[n] = true
			}
		}
		for n := range plan {
			if !named[n] {
				t.Errorf("the plan has %s.%s, the analysis %v: %s", n.Schema, n.Relation, st.Relations, written(sql))
			}
		}
	}
	if explained < fewestExplained {
		t.Errorf("only %d texts have a plan", explained)
	}
	t.Logf("%d plans were compared", explained)
	o.reset()
}

// planned are the statements that have a plan.
var planned = map[string]bool{"SelectStmt": true, "InsertStmt": true, "UpdateStmt": true, "DeleteStmt": true, "MergeStmt": true}

// explain gives the relations in the plan of a statement; false if it has
// none, because a parameter, a relation or a function is missing.
func (o *oracle) explain(sql string) (map[name]bool, bool) {
	o.t.Helper()
	a := o.query("EXPLAIN (VERBOSE, FORMAT JSON) " + sql)
	if a.code != "" || len(a.rows) == 0 {
		return nil, false
	}
	var plan any
	if err := json.Unmarshal(a.rows[0][0], &plan); err != nil {
		o.t.Fatalf("%s: %v", sql, err)
	}
	found := map[name]bool{}
	gather(plan, found)
	return found, true
}

// behind gives a relation and those in the plan of reading all of it: its
// partitions, or what a view reads. A plan needs the right to read it all;
// without one there is only the relation itself.
func (o *oracle) behind(quoted string) map[name]bool {
	o.t.Helper()
	found, ok := o.explain("SELECT * FROM " + quoted)
	if !ok {
		found = map[name]bool{}
	}
	a := o.query("SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" +
		" WHERE c.oid = pg_catalog.to_regclass('" + strings.ReplaceAll(quoted, "'", "''") + "')")
	for _, row := range a.rows {
		found[name{string(row[0]), string(row[1])}] = true
	}
	return found
}

// gather looks for relations in a decoded plan.
func gather(node any, found map[name]bool) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			gather(child, found)
		}
	case map[string]any:
		relation, isRelation := n["Relation Name"].(string)
		schema, _ := n["Schema"].(string)
		if isRelation {
			found[name{schema, relation}] = true
		}
		for _, child := range n {
			gather(child, found)
		}
	}
}

// quote is the name of a relation as SQL.
func quote(r statement.Relation) string {
	quoted := `"` + strings.ReplaceAll(r.Name, `"`, `""`) + `"`
	if r.Schema == "" {
		return quoted
	}
	return `"` + strings.ReplaceAll(r.Schema, `"`, `""`) + `".` + quoted
}
