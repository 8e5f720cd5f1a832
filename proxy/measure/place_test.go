package measure

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/destination"
)

// place reads a destination that has a floor, and further keys.
func place(t *testing.T, floor, further string) (*Place, *policy.Policy) {
	t.Helper()
	document, err := policy.Parse("p.yaml", []byte(`version: 1
classes: {contact.email: {}, order.amount: {}}
destinations:
  there:
    host: db.example.net
    database: copies
    ca: ca.pem
    accepts: [order.*]
    readers: [{name: analyst, roles: [ann]}, {name: operator, roles: [postgres]}]
    trusted: [operator]
    floor: {`+floor+`}
`+further))
	if err != nil {
		t.Fatal(err)
	}
	def, ok := document.PlaceNamed("there")
	if !ok {
		t.Fatal("the place is not there")
	}
	return &Place{PlaceDef: def}, document
}

// TestFloor: nothing that the policy asks for is lost between its words and those of
// the judgement, and each floor is one that can be judged.
func TestFloor(t *testing.T) {
	for floor, holds := range map[string]func(destination.Floor) bool{
		"":          func(f destination.Floor) bool { return f.TLS != "" && f.Authentication != "" && f.Logs != "" },
		"tls: none": func(f destination.Floor) bool { return f.TLS == "" && f.MinimumTLS == "" },
		"tls: verified": func(f destination.Floor) bool {
			return f.TLS == destination.TLSIsProven && f.CertificateMargin == certificateMargin
		},
		"tls: required":          func(f destination.Floor) bool { return f.TLS == destination.TLSRequired && f.CertificateMargin == 0 },
		"authentication: scram":  func(f destination.Floor) bool { return f.Authentication == destination.NeedsSCRAM },
		"version: 16":            func(f destination.Floor) bool { return f.MinimumVersion == 160000 },
		"logs: open":             func(f destination.Floor) bool { return f.Logs == "" },
		"logs: quiet":            func(f destination.Floor) bool { return f.Logs == destination.LogsNoStatements },
		"logs: closed":           func(f destination.Floor) bool { return f.Logs == destination.LogsNoValues },
		"replication: closed":    func(f destination.Floor) bool { return f.Replication == "closed" },
		"onward: closed":         func(f destination.Floor) bool { return f.OnwardCopies == "none" },
		"row_filters: hard":      func(f destination.Floor) bool { return f.SoftRowFilters == "deny" },
		"authentication: none":   func(f destination.Floor) bool { return f.Authentication == "" },
		"version: 16, tls: none": func(f destination.Floor) bool { return f.MinimumVersion == 160000 && f.TLS == "" },
	} {
		p, _ := place(t, floor, "")
		f := p.Floor()
		if !holds(f) {
			t.Errorf("%q is %+v", floor, f)
		}
		if err := f.Check(); err != nil {
			t.Errorf("%q: %v", floor, err)
		}
	}
}

// TestEntryFloor: a place that has to be entered with a stronger proof is not held to
// less.
func TestEntryFloor(t *testing.T) {
	last := -1
	for _, words := range []string{"none", "any-password", "scram", "certificate"} {
		p, _ := place(t, "authentication: "+words, "")
		e := p.entryFloor()
		if !e.Known || e.Authentication <= last {
			t.Errorf("%s is %+v, and the one before %d", words, e, last)
		}
		last = e.Authentication
	}
}

func TestRules(t *testing.T) {
	p, document := place(t, "row_filters: hard", `    masks: [{classes: [contact.*], mask: "null"}]
`)
	rules := p.Rules(document, &Relation{Classes: map[string][]string{"amount": {"order.amount"}, "email": {"contact.email"}, "note": nil}})
	if !rules.RefuseSoft || len(rules.Trusted) != 1 || rules.Trusted[0] != "operator" {
		t.Errorf("the rules are %+v", rules)
	}
	for _, a := range rules.Allow {
		if a.Column != "amount" && a.Column != "email" {
			t.Errorf("%+v is allowed, of no class", a)
		}
	}
}

// TestAttestations: statements count if they are signed by somebody who is named, and
// a file that cannot be used is an error.
func TestAttestations(t *testing.T) {
	signer, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	signed, err := destination.Attest(destination.Attestation{
		By: "ops", Claim: map[string]string{"volume": "luks2"}, IssuedAt: now, NotAfter: now.Add(time.Hour), SystemIdentifier: "7300000000000000001",
		SPKI: strings.Repeat("ab", 32), Type: destination.TypeAtRest, Version: 1,
	}, "ops", key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "attested")
	if err := os.WriteFile(file, signed, 0o600); err != nil {
		t.Fatal(err)
	}
	p, _ := place(t, "", "")
	if list, err := p.Attestations(); err != nil || list != nil {
		t.Errorf("without a file: %v, %v", list, err)
	}
	p.Attested = file
	p.Attestors = []policy.Attestor{{Name: "ops", Key: base64.StdEncoding.EncodeToString(signer)}}
	if list, err := p.Attestations(); err != nil || len(list) != 1 {
		t.Errorf("signed: %v, %v", list, err)
	}
	p.Attestors[0].Name = "others"
	if _, err := p.Attestations(); err == nil {
		t.Error("somebody else's signature counts")
	}
	if err := os.WriteFile(file, make([]byte, maxAttested+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Attestations(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a large file: %v", err)
	}
	p.Attested = filepath.Join(t.TempDir(), "none")
	if _, err := p.Attestations(); err == nil {
		t.Error("a file that is not there is no error")
	}
}

// Many logins of the proxy leave room for those of people: who can do most is knocked
// with first, and of its own one for each set of groups, which is all that rules can tell.
func TestKnocksWithPeople(t *testing.T) {
	p, _ := place(t, "", "")
	p.Ours = func(role string) bool { return strings.HasPrefix(role, "sluice_") }
	s := &State{Measured: &destination.Measurement{Inside: &destination.Facts{}}}
	roles := &s.Measured.Inside.Roles.Value
	groups := [][]string{{"probe"}, {"carrier", "owner"}, {"probe"}, {"owner", "carrier"}, nil}
	for i := range 60 {
		name := fmt.Sprintf("sluice_%d", i)
		*roles = append(*roles, destination.Role{Name: name, Login: true})
		for _, group := range groups[i%len(groups)] {
			s.Measured.Inside.Memberships.Value = append(s.Measured.Inside.Memberships.Value, destination.Membership{Member: name, Group: group})
		}
	}
	s.Measured.Inside.Memberships.Known = true
	*roles = append(*roles, destination.Role{Name: "ann", Login: true}, destination.Role{Name: "group"}, destination.Role{Name: "root", Login: true, Superuser: true})
	s.Measured.Outside = []*destination.Outside{{Knocks: []destination.Knock{{User: "sluice_0"}, {User: "root"}}}}
	if got := strings.Join(p.counted(s), " "); got != "sluice_0 ann root" {
		t.Errorf("the ways in of %s count", got)
	}
	if got := strings.Join(p.users(s), " "); got != "root sluice_0 sluice_1 sluice_4 ann" {
		t.Errorf("knocked with %s", got)
	}
}
