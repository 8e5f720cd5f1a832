package copying

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/policy/statement"
)

// TestText: whatever names and conditions are, the text has one copy for each table,
// and each goes where it is meant to go.
func TestText(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { analyzer.Close() })
	word := rapid.StringMatching(`[a-zA-Z_"?&=/.%' ;ä-]{1,12}`)
	rapid.Check(t, func(t *rapid.T) {
		o := Order{From: "shop", To: "analytics", Expires: rapid.SampledFrom([]string{"", "7d"}).Draw(t, "expires"),
			Existing: rapid.SampledFrom([]string{"", "swap", "append"}).Draw(t, "existing"), IntoSchema: rapid.SampledFrom([]string{"", "Odd ?", "order"}).Draw(t, "into")}
		var names []name
		for range rapid.IntRange(1, 3).Draw(t, "tables") {
			names = append(names, name{word.Draw(t, "schema"), word.Draw(t, "relation")})
		}
		if len(names) == 1 {
			o.Where = rapid.SampledFrom([]string{"", "id < 10", "x = 'a''b' -- why", "note = E'\\'' OR true"}).Draw(t, "where")
		}
		text := o.text(names)
		analysis := analyzer.Analyze(t.Context(), text)
		if analysis.Problem != nil || len(analysis.Statements) != len(names) {
			t.Fatalf("%s has %d statements: %+v", text, len(analysis.Statements), analysis.Problem)
		}
		for i, st := range analysis.Statements {
			want := name{names[i].schema, names[i].relation}
			if o.IntoSchema != "" {
				want.schema = o.IntoSchema
			}
			c := st.Carry
			if c == nil || c.Problem != "" || c.Place != "analytics" || (name{c.Schema, c.Table}) != want || string(c.Existing) != o.Existing || (c.Expires != 0) != (o.Expires != "") {
				t.Fatalf("%s goes to %+v and not to %v", text, c, want)
			}
		}
	})
}

func TestSplitName(t *testing.T) {
	for text, want := range map[string]string{
		"public.orders": "public|orders", "Public.ORDERS": "public|orders", `"Public"."a.b"`: "Public|a.b", `crm."say ""hi"""`: `crm|say "hi"`, "ÄRA.x": "Ära|x",
	} {
		schema, relation, err := splitName(text)
		if err != nil || schema+"|"+relation != want {
			t.Errorf("%s is %s|%s, %v", text, schema, relation, err)
		}
	}
	for _, text := range []string{"", "orders", "a.b.c", ".orders", "public.", `"".x`, `"a`, `a"b`, `"a"b.c`, "a..b"} {
		if schema, relation, err := splitName(text); err == nil {
			t.Errorf("%s is %s|%s", text, schema, relation)
		}
	}
}

func TestCheck(t *testing.T) {
	whole := func(change func(*Order)) Order {
		o := Order{From: "shop", To: "analytics", Tables: []string{"public.orders"}}
		change(&o)
		return o
	}
	for words, o := range map[string]Order{
		"where from":        whole(func(o *Order) { o.From = "" }),
		"where to":          whole(func(o *Order) { o.To = "" }),
		"what?":             whole(func(o *Order) { o.Tables = nil }),
		"one table":         whole(func(o *Order) { o.Where, o.Tables = "true", append(o.Tables, "public.users") }),
		"a condition":       whole(func(o *Order) { o.Where, o.Schemas = "true", []string{"crm"} }),
		"swap or append":    whole(func(o *Order) { o.Existing = "replace" }),
		"write schema.tabl": whole(func(o *Order) { o.Tables = []string{"orders"} }),
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
	good := whole(func(*Order) {})
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}
