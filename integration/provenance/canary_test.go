package provenance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/policy/catalog"
)

// canaryTables are those whose columns get another value, one after the
// other; all of them are text but for those in canaryValues.
var canaryTables = []string{"app.users", "app.orders", "app.items", "other.users", "app.made", "app.logs", "app.base", "app.derived", "app.places"}

var canaryValues = map[string]string{
	"app.places.home": "ROW('%s', '%s')::app.addr",
	"app.places.tags": "ARRAY['%s']",
	"app.made.low":    "", // cannot be written
	"app.logs.region": "", // decides which partition has the row
}

// mostTime is how long a query may take that is run for every column.
const mostTime = 50 * time.Millisecond

// canaries changes one column after the other, and looks for what changes in
// the result: those of the tables that are looked at, and of one other. It is
// all undone.
func (j *judge) canaries(t *testing.T, query string, p *catalog.Provenance, others string) {
	t.Helper()
	if p.Open && len(p.Unknown) > 0 {
		return
	}
	reads := map[catalog.ColumnID]bool{}
	looked := map[catalog.OID]bool{}
	for _, oid := range p.Relations {
		looked[oid] = true
	}
	for _, r := range p.Reads {
		reads[r.Column] = true
		looked[r.Column.Relation] = true
	}
	for _, table := range canaryTables {
		schema, name, _ := strings.Cut(table, ".")
		rel := j.relation(schema, name)
		if !looked[rel.OID] && table != others {
			continue
		}
		began := time.Now()
		before, err := j.result(t, table, "id", "id", query)
		if err != nil || time.Since(began) > mostTime {
			return // fails at run time, or would take long
		}
		for _, c := range rel.Columns {
			j.canary(t, query, p, reads, table, catalog.ColumnID{Relation: rel.OID, Num: c.Num}, c.Name, before)
		}
	}
}

// canary changes one column.
func (j *judge) canary(t *testing.T, query string, p *catalog.Provenance, reads map[catalog.ColumnID]bool, table string, id catalog.ColumnID, name string, before [][][]byte) {
	t.Helper()
	value, special := canaryValues[table+"."+name]
	if special && value == "" {
		return
	}
	canary := "zq" + strings.ReplaceAll(table, ".", "") + name + "qz"
	if !special {
		value = "'%s'"
	}
	after, err := j.result(t, table, name, strings.ReplaceAll(value, "%s", canary), query)
	if err != nil {
		return
	}
	if !j.covers(reads, id) && !slices.EqualFunc(before, after, equalRows) {
		t.Errorf("%s\n  reads %s, which is not said: %s\n  %s\n  %s", query, j.name(id), j.words(p), rowWords(before), rowWords(after))
	}
	j.found(t, query, p, id, canary, after)
}

// found looks where a canary came out.
func (j *judge) found(t *testing.T, query string, p *catalog.Provenance, id catalog.ColumnID, canary string, rows [][][]byte) {
	t.Helper()
	for _, row := range rows {
		for i, cell := range row {
			if !bytes.Contains(bytes.ToLower(cell), []byte(canary)) || p.Open || i >= len(p.Outputs) || p.Outputs[i].Open {
				continue
			}
			said := map[catalog.ColumnID]bool{}
			for _, c := range p.Outputs[i].Origins {
				said[c] = true
			}
			if !j.covers(said, id) {
				t.Errorf("%s\n  column %d holds %s, which is not said: %s", query, i+1, j.name(id), j.words(p))
				return
			}
		}
	}
}

// covers reports whether a column is said, by itself or by one that holds the
// same.
func (j *judge) covers(said map[catalog.ColumnID]bool, id catalog.ColumnID) bool {
	return slices.ContainsFunc(j.sight.Snapshot.SameColumns(id), func(c catalog.ColumnID) bool { return said[c] })
}

func (j *judge) relation(schema, name string) *catalog.Relation {
	for r := range j.sight.Snapshot.Relations() {
		if r.Schema == schema && r.Name == name {
			return r
		}
	}
	panic("no relation " + schema + "." + name)
}

// result is what a query returns after one column of a table was given a
// value, its rows sorted. All rows are written, so that they stand in the same
// order whatever the value is.
func (j *judge) result(t *testing.T, table, column, value, query string) ([][][]byte, error) {
	t.Helper()
	if value != column { // the others keep theirs
		which := "'1', '3'"
		if column == "id" {
			which = "'2'"
		}
		value = fmt.Sprintf("CASE WHEN id IN (%s) THEN %s ELSE %s END", which, value, column)
	}
	text := fmt.Sprintf("BEGIN; UPDATE %s SET %s = %s; ", table, column, value)
	at := 2
	if table == "app.users" {
		text, at = text+"REFRESH MATERIALIZED VIEW app.m_users; ", 3
	}
	results, err := j.conn.Exec(t.Context(), text+query+"; ROLLBACK").ReadAll()
	if err != nil {
		j.exec(t, "ROLLBACK")
		return nil, err
	}
	rows := results[at].Rows
	slices.SortFunc(rows, compareRows)
	return rows, nil
}

func compareRows(a, b [][]byte) int { return slices.CompareFunc(a, b, bytes.Compare) }

func equalRows(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

func rowWords(rows [][][]byte) string {
	var b strings.Builder
	for _, row := range rows {
		b.Write(bytes.Join(row, []byte(" | ")))
		b.WriteString(" ; ")
	}
	return b.String()
}
