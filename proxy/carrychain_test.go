package proxy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy/protection"
)

const (
	copyOfPeople = "2al4lgw6z2xb5bvqwbj5g5vc6a"
	hereSystem   = "7000000000000000001"
	thereSystem  = "7000000000000000002"
)

// chained is a ledger with one copy: shop's crm.people at a place, with OID 16500.
func chained(t *testing.T) *origins {
	t.Helper()
	l := ledger.New(100)
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	sum, rows := strings.Repeat("0", 64), "sluice-rows-2:00"
	for i, body := range []ledger.Body{
		&ledger.Begun{
			Copy: copyOfPeople, Expires: ledger.At(now.Add(time.Hour)), Owner: "alice", Person: "alice", Role: "analysts",
			Destination: ledger.Destination{Address: "db:5432", Database: "copies", Place: "analytics", System: thereSystem},
			Origin: ledger.Origin{
				Database: "shop", Place: "shop", System: hereSystem, Facts: ledger.Facts{Sum: sum, Inline: []byte("[]")},
				Relations: []ledger.OriginRelation{{Schema: "crm", Name: "people", OID: 16400}},
			},
			Targets: []ledger.Target{{
				Schema: "crm", Name: "people", Mode: ledger.ModeNew, From: []int{0}, Rest: []string{"id"},
				Columns: []ledger.Column{
					{Name: "email", Classes: []string{"contact.email"}, Mask: "pseudonym"},
					{Name: "mail", From: []ledger.Source{{Column: "email"}}},
					{Name: "n", Own: true},
				},
			}},
		},
		&ledger.Published{Copy: copyOfPeople, Relations: []ledger.Receipt{{Schema: "crm", Name: "people", OID: 16500, Read: rows, Held: rows}}},
	} {
		event, err := ledger.Event(now, "req1", "session1", body)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Apply(audit.Index(i), event); err != nil {
			t.Fatal(err)
		}
	}
	return &origins{ledger: l, system: thereSystem, database: "copies"}
}

// TestChain follows columns of a copy to where they come from, whatever the copy is
// called by now.
func TestChain(t *testing.T) {
	o := chained(t)
	people := protection.ColumnName("crm", "people", "email")
	for _, test := range []struct {
		relation ledger.OriginRelation
		column   string
		want     []protection.Origin
		problem  string
	}{
		{relation: ledger.OriginRelation{Schema: "crm", Name: "people"}, column: "mail", want: []protection.Origin{{Column: people}}},
		{relation: ledger.OriginRelation{Schema: "crm", Name: "people"}, column: "email", want: []protection.Origin{{Column: people, Masked: protection.Gone}}},
		{relation: ledger.OriginRelation{Schema: "tmp", Name: "renamed", OID: 16500}, column: "mail", want: []protection.Origin{{Column: people}}},
		{relation: ledger.OriginRelation{Schema: "tmp", Name: "renamed", OID: 16500}, column: "n"},
		{relation: ledger.OriginRelation{Schema: "tmp", Name: "renamed", OID: 16500}, column: "other", problem: "did not have"},
		{relation: ledger.OriginRelation{Schema: "tmp", Name: "own", OID: 16501}, column: "mail", want: []protection.Origin{{Column: protection.ColumnName("tmp", "own", "mail")}}},
	} {
		got, err := o.column(test.relation, test.column)
		if problem := err != nil; problem != (test.problem != "") || problem && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s.%s: %v", test.relation.Name, test.column, err)
		}
		if len(got) != len(test.want) || len(got) > 0 && got[0] != test.want[0] {
			t.Errorf("%s.%s: got %v, want %v", test.relation.Name, test.column, got, test.want)
		}
	}
	if held := o.parentsOf(ledger.OriginRelation{Schema: "tmp", Name: "renamed", OID: 16500}); len(held) != 1 {
		t.Errorf("a renamed copy holds %d copies", len(held))
	}
}

// TestBefore follows the columns of a copy of a copy, when the first one has gone
// since.
func TestBefore(t *testing.T) {
	o := chained(t)
	b := &ledger.Begun{
		Parents: []string{copyOfPeople},
		Origin: ledger.Origin{System: thereSystem, Database: "copies", Relations: []ledger.OriginRelation{
			{Schema: "tmp", Name: "renamed", OID: 16500}, {Schema: "tmp", Name: "own", OID: 16501},
		}},
	}
	event, err := ledger.Event(time.Now(), "req2", "", &ledger.Lost{Copy: copyOfPeople, Relations: []string{"crm.people"}, Evidence: []ledger.Evidence{{At: ledger.At(time.Now()), How: ledger.HowCatalog, What: "gone"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.ledger.Apply(2, event); err != nil {
		t.Fatal(err)
	}
	email := protection.ColumnName("crm", "people", "email")
	for _, test := range []struct {
		source ledger.Source
		want   []protection.Origin
	}{
		{ledger.Source{Relation: 0, Column: "mail"}, []protection.Origin{{Column: email}}},
		{ledger.Source{Relation: 0, Column: "email"}, []protection.Origin{{Column: email, Masked: protection.Gone}}},
		{ledger.Source{Relation: 0, Column: "n"}, nil},
		{ledger.Source{Relation: 1, Column: "mail"}, []protection.Origin{{Column: protection.ColumnName("tmp", "own", "mail")}}},
	} {
		got, err := o.before(b, test.source, 0)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%+v is made of %v, %v, and not of %v", test.source, got, err, test.want)
		}
	}
	if _, err := o.before(b, ledger.Source{Relation: 0, Column: "other"}, 0); err == nil {
		t.Error("a column that the first copy did not have is known")
	}
	b.Parents = append(b.Parents, strings.Replace(copyOfPeople, "2", "3", 1))
	if _, err := o.before(b, ledger.Source{Relation: 0, Column: "mail"}, 0); err == nil {
		t.Error("a parent that nobody knows is not missed")
	}
}
