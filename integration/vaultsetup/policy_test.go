package vaultsetup

import (
	"fmt"
	"maps"
	"net/http"
	"testing"

	"github.com/sluice-pg/sluice/integration/vaultserver"
)

// with is a copy of parameters with one more.
func with(parameters map[string]any, name string, value any) map[string]any {
	all := maps.Clone(parameters)
	all[name] = value
	return all
}

// The token of the AppRole and those it makes do what Sluice needs.
func children(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	// As Vault's own client sends it.
	full := child("anna")
	maps.Copy(full, map[string]any{
		"meta": map[string]string{"session": "x"}, "ttl": "30m", "explicit_max_ttl": "4h",
		"num_uses": 0, "renewable": true, "type": "service", "entity_alias": "",
	})
	token, accessor := sluice.Child(t, full)
	self := token.Read(t, "auth/token/lookup-self").Data
	if self["display_name"] != "token-anna" || self["accessor"] != accessor || self["orphan"] != false {
		t.Errorf("the child is %v, %v, orphan %v", self["display_name"], self["accessor"], self["orphan"])
	}
	token.Write(t, "auth/token/renew-self", nil)
	read := token.Credential(t, "database/creds/shop-read")
	copyOut := token.Credential(t, "database/creds/shop-copy-out")

	if got := sluice.Write(t, "sys/leases/lookup", map[string]any{"lease_id": read.LeaseID}).Data["id"]; got != read.LeaseID {
		t.Errorf("looked up %v", got)
	}
	sluice.Write(t, "sys/leases/renew", map[string]any{"lease_id": read.LeaseID, "increment": 60})
	sluice.Write(t, "sys/leases/revoke", map[string]any{"lease_id": read.LeaseID, "sync": true})
	s.gone(t, read)
	// The path is how Vault's own client revokes.
	sluice.Write(t, "sys/leases/revoke/"+copyOut.LeaseID, nil)
	await(t, "roles", func() string {
		return s.super(t, "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname = "+literal(copyOut.User))
	})

	migrate := token.Credential(t, "database/creds/shop-migrate")
	sluice.Write(t, "auth/token/revoke-accessor", map[string]any{"accessor": accessor})
	await(t, "roles", func() string {
		return s.super(t, "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname = "+literal(migrate.User))
	})
	token.Refused(t, http.MethodGet, "database/creds/shop-read", nil)

	sluice.Read(t, "auth/token/lookup-self")
	sluice.Write(t, "auth/token/renew-self", nil)
	sluice.Credential(t, "database/creds/shop-read")
	rights := sluice.Write(t, "sys/capabilities-self", map[string]any{"paths": []string{"auth/token/create", "sys/mounts"}}).Data
	if got := fmt.Sprint(rights["auth/token/create"], rights["sys/mounts"]); got != "[update] [deny]" {
		t.Errorf("the rights are %s", got)
	}
	withoutLease(t, s, sluice)
	notForChildren(t, s, sluice)
	notForSluice(t, s, sluice)
}

// withoutLease are keys, and a login whose password Vault changes now and then.
func withoutLease(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	t.Helper()
	s.Vault.Root().Write(t, "secret/data/sluice/signing", map[string]any{"data": map[string]any{"key": "k"}})
	data, _ := sluice.Read(t, "secret/data/sluice/signing").Data["data"].(map[string]any)
	if data["key"] != "k" {
		t.Errorf("the key is %v", data["key"])
	}
	sluice.Refused(t, http.MethodPut, "secret/data/sluice/signing", map[string]any{"data": map[string]any{"key": "x"}})
	s.super(t, "CREATE ROLE shop_report LOGIN; GRANT shop_report TO shop_vault WITH ADMIN OPTION")
	config := s.Vault.Root().Read(t, "database/config/shop").Data
	allowed, _ := config["allowed_roles"].([]any)
	s.Vault.Root().Write(t, "database/config/shop", map[string]any{"allowed_roles": append(allowed, "shop-report")})
	s.Vault.Root().Write(t, "database/static-roles/shop-report", map[string]any{
		"db_name": "shop", "username": "shop_report", "rotation_period": "24h",
	})
	report := sluice.Credential(t, "database/static-creds/shop-report")
	if got := must(t, s.login(t, report, ""), "SELECT current_user"); got != "shop_report" || report.LeaseID != "" {
		t.Errorf("the static login works as %s, lease %q", got, report.LeaseID)
	}
}

// notForChildren are things that a session's token may not do.
func notForChildren(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	t.Helper()
	c, token := s.issue(t, sluice, "shop-read", "anna")
	lease := map[string]any{"lease_id": c.LeaseID}
	for path, body := range map[string]any{
		"auth/token/create": child("anna"), "auth/token/revoke-accessor": map[string]any{"accessor": "x"},
		"sys/capabilities-self": map[string]any{"paths": []string{"x"}},
		"sys/leases/lookup":     lease, "sys/leases/renew": lease, "sys/leases/revoke": lease,
		"sys/leases/revoke/" + c.LeaseID: nil,
	} {
		token.Refused(t, http.MethodPut, path, body)
	}
	for _, path := range []string{"database/creds/sluice-control", "database/creds/copies-signal", "database/config/shop", "secret/data/sluice/key", "cubbyhole/x", "database/roles/shop-read"} {
		token.Refused(t, http.MethodGet, path, nil)
	}
}

// notForSluice are things that the token of the AppRole may not do: everything
// else, and what it may do with other parameters.
func notForSluice(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	t.Helper()
	s.Vault.Mine(t, "try to seal and to revoke what is not Sluice's in")
	for _, path := range []string{
		"database/creds/other", "database/creds/sluice-controls", "database/creds/copies-other", "database/config/shop", "database/roles/shop-read",
		"secret/data/other", "sys/mounts", "sys/policies/acl/sluice", "sys/auth", "identity/entity/id", "cubbyhole/x",
		"auth/approle/role/sluice/role-id", "auth/token/accessors", "sys/internal/ui/resultant-acl",
	} {
		sluice.Refused(t, http.MethodGet, path, nil)
	}
	sluice.Refused(t, "LIST", "sys/leases/lookup/database/creds/shop-read", nil)
	_, accessor := s.Vault.Root().Child(t, map[string]any{"policies": []string{"default"}, "ttl": "5m"})
	// A lease that is none of Sluice's: that of another role, which could be
	// anybody's.
	s.Vault.Root().Write(t, "database/config/other", map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "other",
		"connection_url": s.Server.DSN(s.Server.Superuser(), s.Server.Password(), Database),
	})
	s.Vault.Root().Write(t, "database/roles/other", map[string]any{
		"db_name": "other", "creation_statements": []string{`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}'`},
	})
	other := s.Vault.Root().Credential(t, "database/creds/other").LeaseID
	mine := sluice.Credential(t, "database/creds/shop-read").LeaseID
	for _, r := range []struct {
		path string
		body map[string]any
	}{
		{"auth/token/create", with(child("x"), "policies", []string{"root"})},
		{"auth/token/create", with(child("x"), "policies", []string{"sluice"})},
		{"auth/token/create", with(child("x"), "policies", []string{"sluice-session", "sluice"})},
		{"auth/token/create", with(child("x"), "policies", []string{})},
		{"auth/token/create", with(child("x"), "policies", []string{""})},
		{"auth/token/create", with(child("x"), "policies", "")},
		{"auth/token/create", with(child("x"), "policies", nil)},
		{"auth/token/create", with(child("x"), "Policies", []string{"sluice"})},
		{"auth/token/create", with(child("x"), "policies", "sluice,sluice-session")},
		{"auth/token/create", with(child("x"), "no_default_policy", false)},
		{"auth/token/create", map[string]any{"display_name": "x", "no_default_policy": true}},
		{"auth/token/create", map[string]any{"display_name": "x", "policies": []string{"sluice-session"}}},
		{"auth/token/create", map[string]any{"no_default_policy": true, "policies": []string{"sluice-session"}}},
		{"auth/token/create", with(child("x"), "no_parent", true)},
		{"auth/token/create", with(child("x"), "period", "1h")},
		{"auth/token/create", with(child("x"), "id", "chosen")},
		{"auth/token/create", with(child("x"), "type", "batch")},
		{"auth/token/create", with(child("x"), "entity_alias", "somebody")},
		{"auth/token/create-orphan", child("x")},
		{"auth/token/revoke", map[string]any{"token": "x"}},
		{"auth/token/renew-accessor", map[string]any{"accessor": accessor}},
		{"auth/token/lookup-accessor", map[string]any{"accessor": accessor}},
		{"sys/leases/lookup", map[string]any{"lease_id": other}},
		{"sys/leases/renew", map[string]any{"lease_id": other}},
		{"sys/leases/renew/" + mine, nil},
		{"sys/leases/revoke", map[string]any{"lease_id": other}},
		{"sys/leases/revoke/" + other, nil},
		{"sys/leases/revoke/" + mine, map[string]any{"lease_id": other}},
		{"sys/leases/revoke-prefix/database/creds/shop-read", nil},
		{"sys/leases/revoke-force/database/creds/shop-read", nil},
		{"sys/policies/acl/sluice", map[string]any{"policy": `path "*" { capabilities = ["read"] }`}},
		{"database/roles/shop-read", map[string]any{"db_name": "shop"}},
		{"database/rotate-root/shop", nil},
		{"auth/approle/role/sluice/secret-id", nil},
		{"sys/seal", nil},
	} {
		sluice.Refused(t, http.MethodPut, r.path, r.body)
	}
	if !s.Vault.LeaseAlive(t, other) {
		t.Error("a lease that is none of Sluice's was revoked")
	}
	s.Vault.Revoke(t, other)
}
