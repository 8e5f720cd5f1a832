package statement

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// written is the query of a statement as a worker would send it.
func written(t *testing.T, q *Query) string {
	t.Helper()
	encoded, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// A query has no literal of its text, wherever one can stand.
func TestQueriesHoldNoLiteral(t *testing.T) {
	for _, text := range []string{
		"SELECT 'zqlit', E'zqlit', 'zqlit'::text, interval 'zqlit', x -> 'zqlit' FROM t WHERE a = 'zqlit' ORDER BY 'zqlit' LIMIT 'zqlit'",
		"SELECT * FROM t TABLESAMPLE system ('zqlit'), f('zqlit') g, unnest(ARRAY['zqlit']), (VALUES ('zqlit')) v",
		"SELECT * FROM XMLTABLE('zqlit' PASSING x COLUMNS a text PATH 'zqlit' DEFAULT 'zqlit'), JSON_TABLE(x, 'zqlit' COLUMNS (a text PATH 'zqlit')) j",
		"INSERT INTO t VALUES ('zqlit') ON CONFLICT (a) DO UPDATE SET a = 'zqlit' WHERE t.a = 'zqlit' RETURNING 'zqlit'",
		"UPDATE t SET a['zqlit'] = 'zqlit' WHERE b = 'zqlit'",
		"MERGE INTO t USING s ON a = 'zqlit' WHEN MATCHED AND b = 'zqlit' THEN UPDATE SET c = 'zqlit' WHEN NOT MATCHED THEN INSERT VALUES ('zqlit')",
		"COPY t TO STDOUT WITH (DELIMITER 'zqlit')",
		"WITH RECURSIVE r AS (SELECT 1 UNION SELECT 2 FROM r) CYCLE a SET c TO 'zqlit' DEFAULT 'zqlit' USING p SELECT * FROM r",
		"EXPLAIN SELECT 'zqlit'", "DECLARE c CURSOR FOR SELECT 'zqlit'", "EXECUTE p('zqlit')", "CALL p('zqlit')",
	} {
		a := judge(text)
		if a.Problem != nil {
			t.Errorf("%s: %+v", text, a.Problem)
			continue
		}
		for i := range a.Statements {
			if q := a.Statements[i].Query; q == nil || strings.Contains(written(t, q), "zqlit") {
				t.Errorf("%s: %s", text, written(t, q))
			}
		}
	}
}

// A worker sends the queries with its answer, those behind names too.
func TestQueriesComeFromWorkers(t *testing.T) {
	text := "SELECT a, (SELECT max(b) FROM u) FROM t; PREPARE p AS SELECT c FROM t; SET x = 1; COPY t TO STDOUT"
	here := newTestAnalyzer(t, Options{}).Analyze(context.Background(), text)
	there := newTestAnalyzer(t, Options{InProcessBytes: 1}).Analyze(context.Background(), text)
	for i := range here.Statements {
		if diff := cmp.Diff(here.Statements[i].Query, there.Statements[i].Query); diff != "" {
			t.Errorf("statement %d: %s", i, diff)
		}
	}
	inner := there.Statements[1].Names[0].Inner
	if inner.Query == nil || inner.Query.Targets[0].Name != "c" || there.Statements[2].Query != nil {
		t.Errorf("%+v", inner)
	}
}

// An answer that has lost a query is no answer.
func TestAnswersMissingAQuery(t *testing.T) {
	r := replyOf(judge("SELECT 1; SELECT 2"))
	for _, queries := range [][]*Query{r.Queries[:1], append(slices.Clone(r.Queries), r.Queries...)} {
		answer := r
		answer.Queries = queries
		encoded, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeAnswer(encoded); err == nil {
			t.Errorf("%d queries for 2 statements are taken", len(queries))
		}
	}
}

// What is too large to be followed is left undescribed.
func TestQueriesAreBounded(t *testing.T) {
	q := judge("SELECT a" + strings.Repeat(", a", mostParts) + " FROM t").Statements[0].Query
	if q == nil || q.Open != openLarge || len(q.Targets) != 0 || len(q.From) != 0 {
		t.Errorf("%.300s", written(t, q))
	}
	q = judge("SELECT a" + strings.Repeat(", a", mostParts/4) + " FROM t").Statements[0].Query
	if q.Open != "" || len(q.Targets) != mostParts/4+1 || q.Weight < len(q.Targets) {
		t.Errorf("%d targets, weight %d: %s", len(q.Targets), q.Weight, q.Open)
	}
}

func TestSelectIntoOfASetOperation(t *testing.T) {
	q := judge("SELECT a INTO kept FROM t UNION SELECT b FROM u").Statements[0].Query
	if q.Into == nil || q.Into.Name != "kept" || q.Left.Into != nil {
		t.Error(written(t, q))
	}
}
