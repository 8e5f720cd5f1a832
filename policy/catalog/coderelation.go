package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// relationsOf follows the relations and columns that a code names.
func (w *reach) relationsOf(a *statement.CodeAnalysis, by string) {
	s, st := w.code.snapshot, &a.Statement
	made := map[string]bool{}
	for _, r := range st.Relations {
		if r.Access == statement.Create {
			made[r.Name] = true
		}
	}
	var all []OID
	ops := WritesOf(st)
	for _, r := range st.Relations {
		if r.Access == statement.Create {
			continue
		}
		w.bare(r.Schema, r.Name)
		found := s.relationsNamed(r.Schema, r.Name, w.lookup())
		if len(found) == 0 && !made[r.Name] {
			w.unseen("%s names relation %s, which is not in the catalog", by, words(r.Schema, r.Name))
		}
		for _, oid := range found {
			w.touch(oid, r.Access, ops)
		}
		all = append(all, found...)
	}
	for _, c := range st.Columns {
		if c.Use != statement.Written {
			w.column(a, c, all)
		}
	}
}

// touch follows what is done to a relation.
func (w *reach) touch(oid OID, access statement.Access, ops WriteOps) {
	if access == statement.Write {
		w.write(oid, ops)
		return
	}
	w.read(oid, false)
}

// WritesOf are the ways in which a statement writes, as far as it does not show
// which relation; all if that is not plain.
func WritesOf(st *statement.Statement) (ops WriteOps) {
	for _, e := range st.Effects {
		switch e.What {
		case "INSERT", "INSERT ... SELECT", "COPY FROM STDIN":
			ops |= Inserts
		case "UPDATE", "ON CONFLICT DO UPDATE":
			ops |= Updates
		case "DELETE":
			ops |= Deletes
		case "TRUNCATE":
			ops |= Truncates
		case "SELECT", "EXPLAIN", "code", "SET", "SHOW":
		default:
			if e.Kind != statement.OpaqueCode {
				return AnyWrite
			}
		}
	}
	if ops == 0 {
		return AnyWrite
	}
	return ops
}

// column notes the columns that a name may mean, of the relation it is written
// with or else of all that the code names. One that no relation has may be a
// function of the row.
func (w *reach) column(a *statement.CodeAnalysis, c statement.Column, all []OID) {
	s, among := w.code.snapshot, all
	if c.Relation != "" {
		among = s.relationsNamed(c.Schema, c.Relation, w.lookup())
	}
	output, found := c.Use == statement.Output, false
	for _, oid := range among {
		rel := s.relations[oid]
		if c.Star {
			w.row(rel, output)
			continue
		}
		if at := slices.IndexFunc(rel.Columns, func(k Column) bool { return k.Name == c.Name }); at >= 0 {
			found = true
			w.readColumn(ColumnID{oid, rel.Columns[at].Num}, output)
		}
	}
	if _, variable := slices.BinarySearch(a.Variables, c.Name); found || c.Star || variable || systemColumns[c.Name] {
		return
	}
	for _, f := range s.functionsNamed("", c.Name, 1, w.lookup()) {
		w.function(f)
		for _, oid := range among {
			w.row(s.relations[oid], true)
		}
	}
}

// row notes all columns of a relation.
func (w *reach) row(rel *Relation, output bool) {
	for i := range rel.Columns {
		w.readColumn(ColumnID{rel.OID, rel.Columns[i].Num}, output)
	}
}

// readColumn notes a column that is looked at, and those it is made of: of a
// view and a materialized view what its query uses, of a table those of the
// same name in what inherits from it. Number 0 is the whole row.
func (w *reach) readColumn(id ColumnID, output bool) {
	s := w.code.snapshot
	rel := s.relations[id.Relation]
	if rel == nil {
		return
	}
	if id.Num == 0 {
		w.row(rel, output)
		return
	}
	if was, seen := w.reads[id]; seen && (was || !output) {
		return
	}
	column := rel.Column(id.Num)
	if column == nil {
		return
	}
	w.value(column.Type)
	w.reads[id] = output
	if rel.Kind == View || rel.Kind == MaterializedView {
		for _, used := range rel.Uses {
			w.readColumn(used, output)
		}
	}
	for _, child := range rel.Children {
		c := s.relations[child]
		for i := range c.Columns {
			if c.Columns[i].Name == column.Name {
				w.readColumn(ColumnID{child, c.Columns[i].Num}, output)
			}
		}
	}
}

// read follows what reading a relation runs. The relation that was asked for,
// and what its views are made of, are plain: reading their columns is not the
// code's doing.
func (w *reach) read(oid OID, plain bool) {
	rel := w.code.snapshot.relations[oid]
	if rel == nil {
		w.unseen("a relation that it reads is not in the catalog")
		return
	}
	role := byte('r')
	if plain {
		role = 'p'
	}
	w.follow(visit{oid: oid, role: role}, w.path, func() { w.reading(rel, plain) })
}

func (w *reach) reading(rel *Relation, plain bool) {
	w.relations[rel.OID] = true
	for _, child := range rel.Children {
		w.read(child, plain)
	}
	switch rel.Kind {
	case View:
		w.query(rel, plain)
		return
	case ForeignTable:
		w.foreign(rel, false)
	case Table, PartitionedTable, MaterializedView:
		if rel.OID >= FirstUser && !plain {
			w.local = words(rel.Schema, rel.Name)
		}
	}
	if slices.ContainsFunc(rel.Columns, func(c Column) bool { return c.Generated == 'v' }) {
		w.expressions(rel)
	}
	if rel.Policies > 0 && rel.RowSecurity {
		w.hung(rel, PolicyCode, rel.Policies)
	}
}

// query follows the query of a view. PostgreSQL's own views are known by their
// names.
func (w *reach) query(rel *Relation, plain bool) {
	if rel.OID < FirstUser {
		return
	}
	by := "view " + words(rel.Schema, rel.Name)
	w.called(rel)
	for _, used := range rel.Uses {
		w.read(used.Relation, plain)
		if of := w.code.snapshot.relations[used.Relation]; of != nil {
			if c := of.Column(used.Num); c != nil {
				w.value(c.Type)
			}
		}
	}
	if rel.Query == "" {
		w.unseen("the query of %s could not be read", by)
		return
	}
	w.bound = true
	a := w.code.analyze(w.ctx, fmt.Sprintf("view %d", rel.OID), statement.Code{Language: "sql", Text: rel.Query})
	if a.Unread != "" {
		w.unseen("%s: %s", by, a.Unread)
	}
	w.actions(a, by)
	w.functions(a, by)
	w.notions(a)
	if !plain {
		w.relationsOf(a, by)
	}
}

// foreign notes that rows come from a server or go there.
func (w *reach) foreign(rel *Relation, sends bool) {
	name := words(rel.Schema, rel.Name)
	w.servers[rel.Server] = true
	for i := range w.code.snapshot.Servers {
		s := &w.code.snapshot.Servers[i]
		if s.Name != rel.Server {
			continue
		}
		switch {
		case s.Wrapper == "file_fdw":
			w.does(statement.ServerRead, "reads a file or program of the server by foreign table "+name, "foreign table "+name)
		case s.Wrapper != "postgres_fdw" && s.Wrapper != "dblink_fdw":
			w.unseen("foreign table %s works by the foreign-data wrapper %s", name, s.Wrapper)
		}
	}
	if sends {
		w.does(statement.ExportRemote, "writes rows to server "+quote.Name(rel.Server)+" by foreign table "+name, "foreign table "+name)
		return
	}
	w.remote = name
}

// hung follows code of a relation that the snapshot has as text. There must be
// at least so many pieces of it.
func (w *reach) hung(rel *Relation, kind CodeKind, atLeast int) {
	by := string(kind) + " of " + words(rel.Schema, rel.Name)
	for _, used := range rel.Beside {
		w.read(used.Relation, false)
		w.readColumn(used, true)
	}
	w.called(rel)
	n := 0
	for i, c := range rel.Code {
		if c.Kind != kind {
			continue
		}
		n++
		code := statement.Code{Language: "sql", Text: c.Text}
		if kind == PolicyCode {
			code.Language = "expression"
		}
		if c.Text != "" {
			w.frozen(fmt.Sprintf("relation %d code %d", rel.OID, i), code, by)
		}
	}
	if n < atLeast {
		w.unseen("a %s could not be read", by)
	}
}

// expressions follows defaults, generated columns and checks.
func (w *reach) expressions(rel *Relation) {
	w.wasRead(rel)
	w.called(rel)
	expression := func(text string, n int, what string) {
		if strings.Contains(text, "(") {
			w.frozen(fmt.Sprintf("relation %d %s %d", rel.OID, what, n), statement.Code{Language: "expression", Text: text}, what+" of "+words(rel.Schema, rel.Name))
		}
	}
	for i := range rel.Columns {
		expression(rel.Columns[i].Default, i, "default")
	}
	for i := range rel.Constraints {
		expression(rel.Constraints[i].Check, i, "check")
	}
}

// called follows the functions that the code of a relation names. Those that
// its triggers run are no part of it.
func (w *reach) called(rel *Relation) {
	for _, f := range rel.Calls {
		if !slices.ContainsFunc(rel.Triggers, func(t Trigger) bool { return t.Function == f }) {
			w.function(f)
		}
	}
}

// wasRead notes it if code of a relation was locked when the catalog was read.
func (w *reach) wasRead(rel *Relation) {
	if w.code.snapshot.unread[rel.OID] {
		w.unseen("some of the code of %s was locked when the catalog was read", words(rel.Schema, rel.Name))
	}
}
