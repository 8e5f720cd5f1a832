package catalog

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// loadedFile is what a load has read of the shop, without what differs between
// versions: numbers, and how they write the texts of views.
const loadedFile = "testdata/loaded.txt"

// What is read is on file, for every version.
func TestLoadedIsOnFile(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(loadedFile)
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	for _, version := range harness.VersionsOr(t, 13, 15, 18) {
		server := newServer(t, version)
		got := describe(load(t, look(t, server)))
		if *rewrite {
			content = []byte(got)
		}
		if got != string(content) {
			t.Errorf("PostgreSQL %d: what was read is not what %s has:\n%s", version, loadedFile, difference(string(content), got))
		}
	}
	if *rewrite {
		if err := os.WriteFile(loadedFile, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	wanted, have := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for _, line := range wanted {
		if !slices.Contains(have, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range have {
		if !slices.Contains(wanted, line) {
			out = append(out, "+ "+line)
		}
	}
	return strings.Join(out, "\n")
}

// describe prints what is not PostgreSQL's own and of no extension.
func describe(s *catalog.Snapshot) string {
	d := describer{s}
	var out []string
	for r := range s.Relations() {
		if r.OID >= catalog.FirstUser {
			out = append(out, d.relation(r))
		}
	}
	for f := range s.Functions() {
		if f.Extension == "" {
			out = append(out, d.function(f))
		}
	}
	for _, p := range s.Publications {
		out = append(out, fmt.Sprintf("publication %s all=%v %s", p.Name, p.AllTables, d.relations(p.Tables)))
	}
	for _, v := range s.Servers {
		out = append(out, fmt.Sprintf("server %s of %s host=%s port=%s database=%s", v.Name, v.Wrapper, v.Host, v.Port, v.Database))
	}
	for _, e := range s.EventTriggers {
		out = append(out, fmt.Sprintf("event trigger %s on %s runs %s %c", e.Name, e.Event, d.functions([]catalog.OID{e.Function}), e.Enabled))
	}
	for _, c := range s.Casts {
		if f := s.Function(c.Function); f != nil && f.Extension == "" {
			out = append(out, fmt.Sprintf("cast by %s %c", f.Signature, c.Context))
		}
	}
	sight := catalog.Sight{Snapshot: s, Path: []string{"app"}}
	for _, name := range []string{"===", "!=="} {
		operators, _ := sight.Operators("", name)
		for _, o := range operators {
			out = append(out, fmt.Sprintf("operator %s.%s calls %s, and perhaps %s", o.Schema, o.Name, d.functions([]catalog.OID{o.Function}), d.functions(o.Support)))
		}
	}
	for _, name := range []string{"mail", "work_mail", "mood", "pair"} {
		y, _ := sight.FindType("", name)
		out = append(out, fmt.Sprintf("type %s.%s %c runs %s", y.Schema, y.Name, y.Kind, d.functions(y.Functions)))
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

type describer struct{ *catalog.Snapshot }

func (d describer) relations(oids []catalog.OID) string {
	var names []string
	for _, oid := range oids {
		names = append(names, d.Relation(oid).Name)
	}
	slices.Sort(names)
	return "[" + strings.Join(names, " ") + "]"
}

func (d describer) functions(oids []catalog.OID) string {
	var names []string
	for _, oid := range oids {
		if f := d.Function(oid); f != nil {
			names = append(names, f.Signature)
		}
	}
	slices.Sort(names)
	return "[" + strings.Join(names, " ") + "]"
}

func (d describer) columns(list []catalog.ColumnID) string {
	var names []string
	for _, c := range list {
		name := "*"
		if column := d.Relation(c.Relation).Column(c.Num); column != nil {
			name = column.Name
		}
		names = append(names, d.Relation(c.Relation).Name+"."+name)
	}
	slices.Sort(names)
	return "[" + strings.Join(names, " ") + "]"
}

func (d describer) relation(r *catalog.Relation) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%c%c %s.%s owner=%s rls=%v/%v partition=%v parents=%s children=%s server=%s", r.Kind, r.Persistence, r.Schema, r.Name, r.Owner,
		r.RowSecurity, r.ForceRowSecurity, r.Partition, d.relations(r.Parents), d.relations(r.Children), r.Server)
	fmt.Fprintf(&out, " uses=%s beside=%s calls=%s rules=%d policies=%d comment=%q", d.columns(r.Uses), d.columns(r.Beside), d.functions(r.Calls), r.Rules, r.Policies, r.Comment)
	for _, c := range r.Columns {
		fmt.Fprintf(&out, "\n  %s.%s %d %q %s notnull=%v generated=%q identity=%q default=%q comment=%q", r.Schema, r.Name, c.Num, c.Name, c.TypeName,
			c.NotNull, c.Generated, c.Identity, c.Default, c.Comment)
		if c.BaseType != c.Type {
			fmt.Fprintf(&out, " domain over %d", c.BaseType)
		}
	}
	for _, g := range r.Triggers {
		fmt.Fprintf(&out, "\n  %s.%s trigger %s runs %s %c %d", r.Schema, r.Name, g.Name, d.functions([]catalog.OID{g.Function}), g.Enabled, g.Type)
	}
	for _, c := range r.Constraints {
		fmt.Fprintf(&out, "\n  %s.%s constraint %s %c %v %q", r.Schema, r.Name, c.Name, c.Type, c.Columns, c.Check)
		if c.Refers != 0 {
			fmt.Fprintf(&out, " refers to %s%v", d.relations([]catalog.OID{c.Refers}), c.ReferredColumns)
		}
	}
	return out.String()
}

func (d describer) function(f *catalog.Function) string {
	return fmt.Sprintf("function %s %c %s %c definer=%v owner=%s arguments=%q result=%d row of %d settings=%q uses=%s calls=%s support=%s note=%q body=%q %s", f.Signature, f.Kind, f.Language,
		f.Volatility, f.SecurityDefiner, f.Owner, f.Arguments, min(f.Result, catalog.FirstUser), min(f.ResultRelation, 1), f.Settings, d.columns(f.Uses), d.functions(f.Calls), d.functions(f.Support), f.Note, f.Body, f.Digest)
}
