package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// thousand is a policy with 1,000 rules and 1,000 columns. Nine rules in ten
// are about somebody else than alice; the others are about relations.
func thousand() string {
	var b strings.Builder
	b.WriteString("version: 1\nclasses: {contact.email: {}, secret.token: {}}\ncolumns:\n")
	for i := range 1000 {
		class := "contact.email"
		if i%10 == 0 {
			class = "secret.token"
		}
		fmt.Fprintf(&b, "  - {columns: [public.t%d.c], class: %s}\n", i, class)
	}
	b.WriteString("rules:\n")
	for i := range 1000 {
		user := fmt.Sprintf(", users: [user%d]", i)
		if i%10 == 0 {
			user = ""
		}
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "  - {id: r%d, effect: deny, relations: [public.t%d]%s}\n", i, i, user)
		case 1:
			fmt.Fprintf(&b, "  - {id: r%d, effect: allow, kinds: [export_to_client], relations: [public.a%d]%s, limits: {rows: 5}}\n", i, i, user)
		case 2:
			fmt.Fprintf(&b, "  - {id: r%d, effect: allow, kinds: [ordinary_read], relations: [public.b%d]%s, when: 'identity.user == \"x\"'}\n", i, i, user)
		}
	}
	return b.String()
}

func benchRequest() *policy.Request {
	st := single(statement.OrdinaryRead, relation("public", "orders"), relation("public", "users"))
	st.Columns = []statement.Column{
		{Schema: "public", Relation: "orders", Name: "id", Use: statement.Output, Position: 7},
		{Schema: "public", Relation: "users", Name: "id", Use: statement.Used, Position: 9},
	}
	return request(st)
}

func BenchmarkDecide(b *testing.B) {
	for name, text := range map[string]string{"empty": "version: 1\n", "1000": thousand()} {
		p, req := parse(b, text), benchRequest()
		b.Run(name+"/policy", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p.Decide(req).Verdict != policy.Allow {
					b.Fatal("refused")
				}
			}
		})
		view := p.View(req.Identity, req.Session)
		b.Run(name+"/view", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if view.Decide(req).Verdict != policy.Allow {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(thousand())
	for b.Loop() {
		if _, err := policy.Parse("p.yaml", text); err != nil {
			b.Fatal(err)
		}
	}
}
