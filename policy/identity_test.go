package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// Requests of people without a token are written as before there were tokens,
// so that their digests stay what they are.
func TestIdentityWithoutATokenIsWrittenAsEver(t *testing.T) {
	for want, id := range map[string]policy.Identity{
		`{"user":"alice","method":"scram-sha-256"}`: {User: "alice", Method: "scram-sha-256"},
		`{"user":"report","method":"jwt","issuer":"https://i","subject":"s","groups":["a","b"],"acr":"c","amr":["d"]}`: {
			User: "report", Method: "jwt", Issuer: "https://i", Subject: "s", Groups: []string{"a", "b"}, ACR: "c", AMR: []string{"d"},
		},
	} {
		got, err := json.Marshal(id)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}

// withGroups is a request of alice with a token that lists groups.
func withGroups(groups ...string) *policy.Request {
	req := request(single(statement.ExportToClient, relation("public", "users")))
	req.Identity.Method, req.Identity.Subject, req.Identity.Groups = "jwt", "a-1", groups
	return req
}

func TestGroupsOfRules(t *testing.T) {
	p := parse(t, `version: 1
rules:
  - {id: contractors, effect: deny, groups: [contractors]}
  - {id: reports, effect: allow, kinds: [export_to_client], groups: [reporting, dba]}
  - {id: subject, effect: allow, kinds: [export_to_client], when: "identity.subject == 'a-2' || 'audit' in identity.groups"}
`)
	other := withGroups()
	other.Identity.Subject = "a-2"
	for name, c := range map[string]struct {
		req  *policy.Request
		want string
	}{
		"in one group":        {withGroups("dba"), "reports"},
		"in both":             {withGroups("dba", "reporting"), "reports"},
		"in another":          {withGroups("DBA", "reporting "), "builtin:default-deny"},
		"in none":             {withGroups(), "builtin:default-deny"},
		"deny rules win":      {withGroups("contractors", "dba"), "contractors"},
		"by a condition":      {withGroups("audit"), "subject"},
		"by the subject":      {other, "subject"},
		"nobody with a token": {request(single(statement.ExportToClient, relation("public", "users"))), "builtin:default-deny"},
	} {
		d := p.Decide(c.req)
		if d.Rule != c.want {
			t.Errorf("%s: %s, want %s", name, d.Rule, c.want)
		}
		if v := p.View(c.req.Identity, c.req.Session).Decide(c.req); v.Rule != c.want {
			t.Errorf("%s: a view says %s", name, v.Rule)
		}
	}
	// A view made for somebody else gives no leave that is not theirs.
	if d := p.View(withGroups("dba").Identity, withGroups().Session).Decide(withGroups()); d.Rule != "builtin:default-deny" {
		t.Errorf("by the view of a member: %s", d.Rule)
	}
	broken := withGroups("dba")
	broken.Identity.AMR = []string{"\xff"}
	if d := p.Decide(broken); d.Verdict != policy.Deny || d.Rule == "contractors" {
		t.Errorf("%+v", d)
	}
}
