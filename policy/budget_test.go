package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy"
)

const budgeted = `version: 1
classes: {contact.email: {}, contact.phone: {}, health.body: {}}
budgets:
  - {id: contacts, classes: [contact.*, unclassified], window: 24h, rows: 5, bytes: unlimited, owner: Data team, message: Ask., link: "https://wiki.example/b"}
  - {id: doctors, classes: ["*"], groups: [doctors], window: 1h, bytes: 1MiB, subjects: 7}
subjects: {public.users: id, public.orders: user_id, archive.users: id}
`

func TestBudgets(t *testing.T) {
	p := parse(t, budgeted)
	words := func(identity policy.Identity) string {
		var all []string
		for _, b := range p.Budgets(identity, policy.Session{}) {
			all = append(all, b.Budget+" "+b.Class)
		}
		return strings.Join(all, ", ")
	}
	if got := words(policy.Identity{User: "anna"}); got != "contacts contact.email, contacts contact.phone, contacts unclassified" {
		t.Errorf("anna meets %s", got)
	}
	if got := words(policy.Identity{User: "anna", Groups: []string{"doctors"}}); got !=
		"contacts contact.email, contacts contact.phone, contacts unclassified, doctors contact.email, doctors contact.phone, doctors health.body" {
		t.Errorf("a doctor meets %s", got)
	}
	want := policy.BudgetTerms{
		Budget: "contacts", Position: "p.yaml:4:5", Class: "contact.email", Window: 24 * time.Hour, Limits: policy.BudgetLimits{Rows: 5},
		Owner: "Data team", Message: "Ask.", Link: "https://wiki.example/b",
	}
	if diff := cmp.Diff(want, p.Budgets(policy.Identity{}, policy.Session{})[0]); diff != "" {
		t.Error(diff)
	}
	if got := fmt.Sprint(p.BudgetWindows()); got != "map[contacts:24h0m0s doctors:1h0m0s]" {
		t.Errorf("the windows are %s", got)
	}
	var none *policy.Policy
	if none.Budgets(policy.Identity{}, policy.Session{}) != nil || len(none.BudgetWindows()) != 0 || none.Subjects() != nil {
		t.Error("no policy has budgets")
	}
}

func TestSubjects(t *testing.T) {
	p := parse(t, budgeted)
	if got := fmt.Sprint(p.Subjects()); got != "[{archive users id} {public orders user_id} {public users id}]" {
		t.Errorf("the subjects are %s", got)
	}
	if column, ok := p.SubjectColumn("public", "orders"); column != "user_id" || !ok {
		t.Errorf("an order is that of %q", column)
	}
	if column, ok := p.SubjectColumn("archive", "orders"); ok {
		t.Errorf("an old order is that of %q", column)
	}
}

// Whose budgets they are: the person a token names, whatever the user is called,
// and no user can be called like a person.
func TestHolder(t *testing.T) {
	person := policy.Identity{User: "shared", Issuer: "https://idp.example", Subject: "anna"}
	other := policy.Identity{User: "own", Issuer: "https://idp.example", Subject: "anna"}
	user := policy.Identity{User: `subject "anna" of https://idp.example`}
	elsewhere := policy.Identity{User: "shared", Issuer: "https://other.example", Subject: "anna"}
	if person.Holder() != other.Holder() || person.Holder() == user.Holder() || person.Holder() == elsewhere.Holder() {
		t.Errorf("holders are %s, %s, %s and %s", person.Holder(), other.Holder(), user.Holder(), elsewhere.Holder())
	}
}
