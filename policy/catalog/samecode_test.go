package catalog

import "testing"

func TestSameRelations(t *testing.T) {
	table := func(oid OID, schema, name string, written uint64, persistence byte) *Relation {
		return &Relation{OID: oid, Schema: schema, Name: name, Kind: Table, Written: written, Persistence: persistence}
	}
	people := table(1, "app", "people", 5, 'p')
	before := NewSnapshot([]*Relation{people, table(2, "pg_temp_3", "t", 6, 't')}, nil)
	for name, c := range map[string]struct {
		now  []*Relation
		want bool
	}{
		"the same":                        {[]*Relation{people}, true},
		"temporary ones of others":        {[]*Relation{people, table(7, "pg_temp_4", "u", 9, 't')}, true},
		"written since":                   {[]*Relation{table(1, "app", "people", 8, 'p')}, false},
		"another name":                    {[]*Relation{table(1, "app", "guests", 5, 'p')}, false},
		"gone":                            {nil, false},
		"one more, in front of it":        {[]*Relation{people, table(9, "front", "people", 9, 'p')}, false},
		"another in the place of the one": {[]*Relation{table(9, "app", "people", 5, 'p')}, false},
	} {
		if got := NewSnapshot(c.now, nil).SameRelations(before); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestSameCode(t *testing.T) {
	snapshot := func(functions map[OID]*Function, operators map[OID]*Operator, casts ...Cast) *Snapshot {
		return &Snapshot{functions: functions, operators: operators, Casts: casts}
	}
	f := func(body string, settings ...string) map[OID]*Function {
		return map[OID]*Function{1: {OID: 1, Signature: "app.f()", Digest: body, Body: body, Language: "sql", Settings: settings}}
	}
	plus := map[OID]*Operator{4: {Function: 1}}
	before := snapshot(f("SELECT 1"), plus, Cast{Function: 1})
	for name, c := range map[string]struct {
		now  *Snapshot
		want bool
	}{
		"the same":         {snapshot(f("SELECT 1"), map[OID]*Operator{4: {Function: 1}}, Cast{Function: 1}), true},
		"another body":     {snapshot(f("SELECT 2"), plus, Cast{Function: 1}), false},
		"another setting":  {snapshot(f("SELECT 1", "search_path=x"), plus, Cast{Function: 1}), false},
		"another operator": {snapshot(f("SELECT 1"), map[OID]*Operator{4: {Function: 2}}, Cast{Function: 1}), false},
		"another cast":     {snapshot(f("SELECT 1"), plus), false},
		"nothing":          {snapshot(nil, nil), false},
	} {
		if got := c.now.SameCode(before); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
