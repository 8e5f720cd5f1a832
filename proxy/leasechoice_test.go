package proxy

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

func leasePolicy(t *testing.T, rules string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte("version: 1\nleases:\n"+rules))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const annaReads = "  - {id: people, users: [anna], purposes: [read], role: shop-read, group: shop_read}\n"

// A session goes on under a new policy that would give it the same, and ends
// under one that would not.
func TestLeaseFollowsThePolicy(t *testing.T) {
	server := &Server{config: &Config{}}
	s := &session{
		server: server, startup: &startup{}, database: &database{config: Database{Name: "shop", Credential: Credential{Vault: &VaultCredential{}}}},
	}
	s.identity.User = "anna"
	server.SetPolicy(leasePolicy(t, annaReads))
	if err := s.chooseLease(); err != nil || s.chosen.terms.Role != "shop-read" || s.keepsLease() != nil {
		t.Fatalf("%v, %+v", err, s.chosen)
	}
	moved := leasePolicy(t, "  - {id: other, users: [ben], purposes: [read], role: x, group: y}\n"+strings.Replace(annaReads, "people", "renamed", 1))
	server.SetPolicy(moved)
	if err := s.keepsLease(); err != nil || s.chosen.by != moved || s.chosen.terms.Rule != "renamed" {
		t.Errorf("the same lease by another rule: %v, %+v", err, s.chosen)
	}
	for name, rules := range map[string]string{
		"another role":  strings.Replace(annaReads, "shop-read", "shop-more", 1),
		"another group": strings.Replace(annaReads, "shop_read", "shop_more", 1),
		"nothing":       strings.Replace(annaReads, "anna", "ben", 1),
	} {
		server.SetPolicy(leasePolicy(t, rules))
		err := s.keepsLease()
		if _, told := asStartupError(err); !told || !errors.Is(err, errNoLease) || reasonFor(err) != "credential refused by the policy" {
			t.Errorf("%s: %v", name, err)
		}
		if goodbye(err) == nil {
			t.Errorf("%s: the client is not told", name)
		}
	}
}

// Where the proxy makes roles itself, no rule about leases matters.
func TestBuiltinLeaseNeedsNoRule(t *testing.T) {
	server := &Server{config: &Config{}}
	s := &session{server: server, startup: &startup{}, database: &database{config: Database{Name: "shop", Credential: Credential{Builtin: &BuiltinCredential{}}}}}
	for _, rules := range []string{annaReads, strings.Replace(annaReads, "anna", "ben", 1)} {
		server.SetPolicy(leasePolicy(t, rules))
		if err := errors.Join(s.chooseLease(), s.keepsLease()); err != nil || s.chosen.terms != (policy.LeaseTerms{}) {
			t.Errorf("%v, %+v", err, s.chosen)
		}
	}
}

// A replication connection has a Vault role of its own, or is refused.
func TestReplicationLease(t *testing.T) {
	vault := &VaultCredential{}
	s := &session{
		server: &Server{config: &Config{}}, startup: &startup{replication: true},
		database: &database{config: Database{Name: "shop", Credential: Credential{Vault: vault}}},
	}
	s.identity.User = "anna"
	const feed = "replication:\n  - {id: feed, users: [anna], databases: [shop], slot: s, publications: [p]}\n"
	s.server.SetPolicy(leasePolicy(t, annaReads+feed))
	if err := s.chooseLease(); !errors.Is(err, errNotSetUp) || goodbye(err) == nil {
		t.Errorf("without a role: %v", err)
	}
	vault.ReplicationRole, vault.ReplicationGroup = "feed", "feeders"
	if err := s.chooseLease(); err != nil || s.chosen.terms != (policy.LeaseTerms{Role: "feed", Group: "feeders"}) {
		t.Errorf("%v, %+v", err, s.chosen.terms)
	}
	s.server.SetPolicy(leasePolicy(t, annaReads+feed))
	if err := s.keepsLease(); err != nil {
		t.Errorf("under a policy that says the same: %v", err)
	}
	s.server.SetPolicy(leasePolicy(t, annaReads))
	if err := s.keepsLease(); !errors.Is(err, errNoLease) || !strings.Contains(goodbye(err).message, "session ended") {
		t.Errorf("under a policy that lets her follow nothing: %v", err)
	}
}

// Rules can ask whether others may know the password that a session works with.
func TestPolicyKnowsSharedPasswords(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(`version: 1
rules:
  - {id: own-logins-only, effect: deny, kinds: [ordinary_read], when: session.shared_password}
  - {id: reads, effect: allow, kinds: [ordinary_read]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for want, c := range map[policy.Verdict][]Credential{
		policy.Allow: {{Vault: &VaultCredential{Engine: engineDatabase}}, {Builtin: &BuiltinCredential{}}},
		policy.Deny:  {{Vault: &VaultCredential{Engine: engineStatic}}, {Vault: &VaultCredential{Engine: engineKV}}},
	} {
		for _, credential := range c {
			s := &session{server: &Server{config: &Config{}}, startup: &startup{}, database: &database{config: Database{Name: "shop", Credential: credential}}}
			s.identity.User, s.identity.Method, s.address = "anna", "cert", "127.0.0.1"
			r := s.request([]statement.Statement{{Node: "SelectStmt", Kind: statement.OrdinaryRead, Effects: []statement.Effect{{Kind: statement.OrdinaryRead}}}}, statement.OrdinaryRead, nil)
			if d := s.viewOf(p).Decide(r); d.Verdict != want {
				t.Errorf("%+v: %+v, want %v", credential.Vault, d, want)
			}
		}
	}
}
