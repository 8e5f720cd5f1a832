package vaulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Target is a Vault that the contract is run against. The login needs the
// rights that the documentation of package vault lists.
type Target struct {
	// Address is the URL without a path.
	Address string
	// Client makes the requests; nil means http.DefaultClient.
	Client *http.Client
	// Login returns a new login token that is renewable.
	Login func(t *testing.T) string
	// Mount is where the database engine is mounted, Role a role of it that
	// makes roles which live at least 30 seconds, Missing one that is not
	// there, but that the policies would allow.
	Mount, Role, Missing string
	// Child are more parameters for child tokens, such as policies.
	Child map[string]any
	// KeepMount and KeepPath are where the login may read and create a secret of
	// KV version 2, and where there is none yet. Admin returns a new token that
	// may do everything.
	KeepMount, KeepPath string
	Admin               func(t *testing.T) string
	// UserHas is part of the name of a user whose child token has the display
	// name alice-contract; empty if the username template does not use it.
	UserHas string
}

// Contract runs what package vault relies on. Every case logs in anew, and
// revokes its login at the end.
func Contract(t *testing.T, target Target) {
	if target.Client == nil {
		target.Client = http.DefaultClient
	}
	for _, c := range []struct {
		name string
		run  func(*probe)
	}{
		{"a login token is renewed for as long as is asked", renewsLogin},
		{"a login token says who it is", looksLoginUp},
		{"a child token has an accessor and a time", makesChild},
		{"a child token renews itself", renewsChild},
		{"credentials come with a lease", issues},
		{"a lease is renewed for as long as is asked", renewsLease},
		{"a lease is looked up with its time", looksLeaseUp},
		{"a lease that is revoked synchronously is unknown at once", revokesLease},
		{"a lease that is unknown is revoked without complaint", revokesUnknownLease},
		{"a lease that is unknown is neither renewed nor found", missesLease},
		{"revoking a child by its accessor takes its lease along", revokesChild},
		{"revoking the login takes child and lease along", revokesLogin},
		{"a token that is unknown is revoked with a warning, or refused", missesToken},
		{"a token that is revoked is denied", deniesRevoked},
		{"a role that is unknown is refused", refusesRole},
		{"a token is told what it may do", tellsRights},
		{"a secret that never was is not found, without a word", missesSecret},
		{"a mount that is missing is not found, with words", missesMount},
		{"a secret is created once, and read with its version", createsSecret},
		{"a secret whose version is deleted is not found, with its metadata", missesVersion},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			p := &probe{T: t, target: target, login: target.Login(t)}
			defer func() { p.send(p.login, "PUT", "auth/token/revoke-self", nil) }()
			c.run(p)
		})
	}
}

// probe is one case at work.
type probe struct {
	*testing.T
	target Target
	login  string
}

// said is an answer of Vault.
type said struct {
	Status        int
	Errors        []string       `json:"errors"`
	Warnings      []string       `json:"warnings"`
	LeaseID       string         `json:"lease_id"`
	LeaseDuration int            `json:"lease_duration"`
	Renewable     bool           `json:"renewable"`
	Data          map[string]any `json:"data"`
	Auth          *struct {
		ClientToken   string `json:"client_token"`
		Accessor      string `json:"accessor"`
		LeaseDuration int    `json:"lease_duration"`
		Renewable     bool   `json:"renewable"`
	} `json:"auth"`
}

func (s said) has(words string) bool {
	return strings.Contains(strings.ToLower(strings.Join(s.Errors, "\n")), words)
}

// send makes one request. Nothing of its answer is ever printed but the status.
func (p *probe) send(token, method, path string, body map[string]any) said {
	p.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, p.target.Address+"/v1/"+path, bytes.NewReader(text))
	if err != nil {
		p.Fatal(err)
	}
	request.Header.Set("X-Vault-Token", token)
	response, err := p.target.Client.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	out := said{Status: response.StatusCode}
	if out.Status == http.StatusNoContent {
		return out
	}
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
		p.Fatalf("%s %s: status %d without JSON", method, path, out.Status)
	}
	return out
}

// want makes a request that has to succeed.
func (p *probe) want(token, method, path string, body map[string]any) said {
	p.Helper()
	out := p.send(token, method, path, body)
	if out.Status/100 != 2 {
		p.Fatalf("%s %s: status %d", method, path, out.Status)
	}
	return out
}

func (p *probe) child() (id, accessor string) {
	p.Helper()
	body := map[string]any{
		"display_name": "alice-contract", "ttl": "10m0s", "renewable": true,
		"meta": map[string]string{"sluice_user": "alice", "sluice_session": "contract"},
	}
	maps.Copy(body, p.target.Child)
	out := p.want(p.login, "PUT", "auth/token/create", body)
	if out.Auth == nil || out.Auth.ClientToken == "" || out.Auth.Accessor == "" || !out.Auth.Renewable {
		p.Fatal("the child token lacks something")
	}
	if d := out.Auth.LeaseDuration; d < 598 || d > 600 {
		p.Errorf("the child token has %d seconds, 600 were asked for", d)
	}
	return out.Auth.ClientToken, out.Auth.Accessor
}

// leased returns a lease with the accessor of its child token.
func (p *probe) leased() (lease said, accessor string) {
	p.Helper()
	token, accessor := p.child()
	out := p.want(token, "GET", p.target.Mount+"/creds/"+p.target.Role, nil)
	user, _ := out.Data["username"].(string)
	password, _ := out.Data["password"].(string)
	if out.LeaseID == "" || out.LeaseDuration < 30 || !out.Renewable || user == "" || password == "" {
		p.Fatalf("the lease lacks something: %d seconds, renewable %t", out.LeaseDuration, out.Renewable)
	}
	if len(user) > 63 || !strings.Contains(user, p.target.UserHas) {
		p.Errorf("the user is %q", user)
	}
	return out, accessor
}

func (p *probe) lookUp(lease string) said {
	p.Helper()
	return p.send(p.login, "PUT", "sys/leases/lookup", map[string]any{"lease_id": lease})
}

func renewsLogin(p *probe) {
	first := p.want(p.login, "PUT", "auth/token/renew-self", map[string]any{"increment": 60})
	second := p.want(p.login, "PUT", "auth/token/renew-self", map[string]any{"increment": 60})
	if first.Auth == nil || second.Auth == nil || second.Auth.LeaseDuration < first.Auth.LeaseDuration-2 || second.Auth.LeaseDuration == 0 {
		p.Error("the renewals gave no time, or less and less")
	}
}

func looksLoginUp(p *probe) {
	out := p.want(p.login, "GET", "auth/token/lookup-self", nil)
	accessor, _ := out.Data["accessor"].(string)
	ttl, _ := out.Data["ttl"].(float64)
	created, _ := out.Data["creation_ttl"].(float64)
	if _, ok := out.Data["renewable"].(bool); !ok || accessor == "" || ttl <= 0 || created < ttl-1 {
		p.Errorf("accessor of %d bytes, ttl %v of %v", len(accessor), ttl, created)
	}
}

func makesChild(p *probe) {
	token, accessor := p.child()
	out := p.want(token, "GET", "auth/token/lookup-self", nil)
	name, _ := out.Data["display_name"].(string)
	if out.Data["accessor"] != accessor || out.Data["orphan"] != false || name != "token-alice-contract" {
		p.Errorf("the child is %q, orphan %v", name, out.Data["orphan"])
	}
}

func renewsChild(p *probe) {
	token, _ := p.child()
	out := p.want(token, "PUT", "auth/token/renew-self", map[string]any{"increment": 600})
	if out.Auth == nil || out.Auth.LeaseDuration < 598 {
		p.Error("the child was not renewed for as long as was asked")
	}
}

func issues(p *probe) { p.leased() }

func renewsLease(p *probe) {
	lease, _ := p.leased()
	out := p.want(p.login, "PUT", "sys/leases/renew", map[string]any{"lease_id": lease.LeaseID, "increment": lease.LeaseDuration})
	if out.LeaseID != lease.LeaseID || out.LeaseDuration < lease.LeaseDuration-1 {
		p.Errorf("renewed for %d seconds, %d were asked for", out.LeaseDuration, lease.LeaseDuration)
	}
}

func looksLeaseUp(p *probe) {
	lease, _ := p.leased()
	out := p.lookUp(lease.LeaseID)
	ttl, _ := out.Data["ttl"].(float64)
	if out.Status != http.StatusOK || ttl <= 0 || int(ttl) > lease.LeaseDuration {
		p.Errorf("status %d, ttl %v of %d", out.Status, out.Data["ttl"], lease.LeaseDuration)
	}
}

func revokesLease(p *probe) {
	lease, _ := p.leased()
	p.want(p.login, "PUT", "sys/leases/revoke", map[string]any{"lease_id": lease.LeaseID, "sync": true})
	p.unknownLease(p.lookUp(lease.LeaseID))
}

func revokesUnknownLease(p *probe) {
	p.want(p.login, "PUT", "sys/leases/revoke", map[string]any{"lease_id": p.nobodys(), "sync": true})
}

func missesLease(p *probe) {
	p.unknownLease(p.lookUp(p.nobodys()))
	p.unknownLease(p.send(p.login, "PUT", "sys/leases/renew", map[string]any{"lease_id": p.nobodys(), "increment": 60}))
}

func (p *probe) nobodys() string {
	return fmt.Sprintf("%s/creds/%s/%d", p.target.Mount, p.target.Role, time.Now().UnixNano())
}

func (p *probe) unknownLease(out said) {
	p.Helper()
	if out.Status != http.StatusBadRequest || !out.has("invalid lease") && !out.has("lease not found") && !out.has("lease expired") {
		p.Errorf("a lease that is not there: status %d, %q", out.Status, out.Errors)
	}
}

// vanishes waits until a lease is unknown, or has no time left.
func (p *probe) vanishes(lease string) {
	p.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		out := p.lookUp(lease)
		if ttl, _ := out.Data["ttl"].(float64); out.Status == http.StatusBadRequest || out.Status == http.StatusOK && ttl <= 0 {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("the lease is still there: status %d", out.Status)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func revokesChild(p *probe) {
	lease, accessor := p.leased()
	p.want(p.login, "PUT", "auth/token/revoke-accessor", map[string]any{"accessor": accessor})
	p.vanishes(lease.LeaseID)
}

func revokesLogin(p *probe) {
	lease, accessor := p.leased()
	p.want(p.login, "PUT", "auth/token/revoke-self", nil)
	p.login = p.target.Login(p.T)
	p.vanishes(lease.LeaseID)
	p.unknownToken(accessor)
}

func missesToken(p *probe) { p.unknownToken("AAAAAAAAAAAAAAAAAAAAAAAA") }

func (p *probe) unknownToken(accessor string) {
	p.Helper()
	out := p.send(p.login, "PUT", "auth/token/revoke-accessor", map[string]any{"accessor": accessor})
	// Vault 1.21 warns; it, others and OpenBao have refused at times.
	warns := out.Status == http.StatusOK && len(out.Warnings) > 0
	if !warns && (out.Status/100 != 4 || !out.has("invalid accessor") && !out.has("token not found")) {
		p.Errorf("a token that is not there: status %d, %q", out.Status, out.Errors)
	}
}

func deniesRevoked(p *probe) {
	token, accessor := p.child()
	p.want(p.login, "PUT", "auth/token/revoke-accessor", map[string]any{"accessor": accessor})
	for _, path := range []string{"auth/token/lookup-self", p.target.Mount + "/creds/" + p.target.Role} {
		if out := p.send(token, "GET", path, nil); out.Status != http.StatusForbidden {
			p.Errorf("%s with a revoked token: status %d", path, out.Status)
		}
	}
}

func refusesRole(p *probe) {
	token, _ := p.child()
	out := p.send(token, "GET", p.target.Mount+"/creds/"+p.target.Missing, nil)
	if out.Status/100 != 4 || out.Status == http.StatusForbidden {
		p.Errorf("an unknown role: status %d", out.Status)
	}
}

func tellsRights(p *probe) {
	const path = "sys/leases/revoke"
	out := p.send(p.login, "PUT", "sys/capabilities-self", map[string]any{"paths": []string{path, "auth/token/create"}})
	if out.Status == http.StatusForbidden {
		return // a policy may leave this out
	}
	list, _ := out.Data[path].([]any)
	if len(list) == 0 || list[0] != "root" && list[0] != "update" {
		p.Errorf("the rights on %s are %v", path, list)
	}
}
