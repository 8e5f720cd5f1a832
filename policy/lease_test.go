package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

const leaseRules = `version: 1
leases:
  - {id: people, databases: [shop], purposes: [read], role: shop-read, group: shop_read, share: {for: 10m, sessions: 5}}
  - {id: team, databases: [shop], users: [anna, ben], purposes: [copy-out], methods: [cert], role: shop-copy-out, group: shop_read}
  - {id: deploy, users: [deploy], addresses: [10.0.0.0/8], purposes: [migrate, read], role: shop-migrate, group: shop_owner}
`

func TestLease(t *testing.T) {
	p := parse(t, leaseRules)
	for _, c := range []struct{ user, method, database, address, purpose, want, hint string }{
		{"anna", "cert", "shop", "192.0.2.1", "", "people shop-read shop_read read", ""},
		{"anna", "cert", "shop", "192.0.2.1", "read", "people shop-read shop_read read", ""},
		{"anna", "cert", "shop", "", "copy-out", "team shop-copy-out shop_read copy-out", ""},
		{"anna", "scram-sha-256", "shop", "", "copy-out", "gives anna a credential for shop to copy-out", "sluice.purpose as read:"},
		{"eve", "cert", "shop", "", "migrate", "gives eve a credential for shop to migrate", "as read:"},
		{"deploy", "cert", "shop", "10.1.2.3", "migrate", "deploy shop-migrate shop_owner migrate", ""},
		{"deploy", "cert", "stock", "10.1.2.3", "", "deploy shop-migrate shop_owner read", ""},
		{"deploy", "cert", "stock", "10.1.2.3", "copy-out", "for stock to copy-out", "as migrate or read:"},
		{"deploy", "cert", "stock", "11.1.2.3", "migrate", "for stock to migrate", "Ask the owner"},
		{"deploy", "cert", "stock", "nowhere", "migrate", "for stock to migrate", "Ask the owner"},
		{"anna", "cert", "shop", "", "T-123", `"T-123" is no purpose`, "sluice.reason"},
	} {
		session := policy.Session{Database: c.database, Address: c.address, Declared: policy.Declared{"purpose": c.purpose}}
		terms, err := p.Lease(policy.Identity{User: c.user, Method: c.method}, session)
		if err != nil {
			none := err.(*policy.NoLease)
			if !strings.Contains(none.Message, c.want) || !strings.Contains(none.Hint, c.hint) || c.hint == "" || terms != (policy.LeaseTerms{}) {
				t.Errorf("%+v: %q, hint %q", c, none.Message, none.Hint)
			}
			continue
		}
		if got := strings.Join([]string{terms.Rule, terms.Role, terms.Group, terms.Purpose}, " "); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	terms, _ := p.Lease(policy.Identity{User: "anna"}, policy.Session{Database: "shop"})
	if terms.ShareFor != 10*time.Minute || terms.ShareSessions != 5 || terms.Position != "p.yaml:3:5" {
		t.Errorf("%+v", terms)
	}
	for database, want := range map[string][]string{"shop": {"people", "team", "deploy"}, "stock": {"deploy"}} {
		var rules []string
		for _, one := range p.Leases(database) {
			rules = append(rules, one.Rule)
		}
		if !slices.Equal(rules, want) {
			t.Errorf("%s: rules %v, want %v", database, rules, want)
		}
	}
	var nothing *policy.Policy
	for _, none := range []*policy.Policy{nothing, parse(t, "version: 1\n")} {
		if terms, err := none.Lease(policy.Identity{User: "anna"}, policy.Session{Database: "shop"}); err == nil || terms != (policy.LeaseTerms{}) {
			t.Errorf("without a rule: %+v", terms)
		}
	}
}

func TestLeaseByGroup(t *testing.T) {
	p := parse(t, "version: 1\nleases:\n  - {id: dba, groups: [dba, staff], purposes: [migrate], role: r, group: g}\n")
	for _, c := range []struct {
		groups []string
		given  bool
	}{{[]string{"staff"}, true}, {[]string{"dba", "x"}, true}, {[]string{"x"}, false}, {nil, false}} {
		_, err := p.Lease(policy.Identity{User: "anna", Groups: c.groups}, policy.Session{Declared: policy.Declared{"purpose": "migrate"}})
		if (err == nil) != c.given {
			t.Errorf("%v: %v", c.groups, err)
		}
	}
}

func TestSameLease(t *testing.T) {
	terms := policy.LeaseTerms{Rule: "a", Position: "p:1:1", Role: "r", Group: "g", Purpose: "read"}
	moved := terms
	moved.Rule, moved.Position, moved.ShareSessions = "b", "p:9:1", 3
	if !terms.Same(moved) {
		t.Error("where the rule stands matters")
	}
	for _, change := range []func(*policy.LeaseTerms){
		func(l *policy.LeaseTerms) { l.Role = "x" }, func(l *policy.LeaseTerms) { l.Group = "x" }, func(l *policy.LeaseTerms) { l.Purpose = "migrate" },
	} {
		other := terms
		change(&other)
		if terms.Same(other) {
			t.Errorf("%+v counts as the same", other)
		}
	}
}

// Conditions see the reason where the purpose chooses a credential.
func TestPurposeInConditions(t *testing.T) {
	p := parse(t, "version: 1\nrules:\n  - {id: ticket, effect: deny, kinds: [ordinary_read], when: 'purpose == \"T-1\"'}\n")
	for declared, denied := range map[[2]string]bool{
		{"T-1", ""}: true, {"", "T-1"}: true, {"migrate", "T-1"}: true, {"T-2", "T-1"}: false, {"migrate", ""}: false,
	} {
		req := &policy.Request{
			Identity: policy.Identity{User: "anna", Method: "cert"}, Kind: statement.OrdinaryRead,
			Session:    policy.Session{Database: "shop", Declared: policy.Declared{"purpose": declared[0], "reason": declared[1]}},
			Statements: []statement.Statement{{Kind: statement.OrdinaryRead, Effects: []statement.Effect{{Kind: statement.OrdinaryRead}}}},
		}
		if d := p.Decide(req); (d.Rule == "ticket") != denied {
			t.Errorf("%v: %v by %s", declared, d.Verdict, d.Rule)
		}
	}
}
