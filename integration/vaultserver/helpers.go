package vaultserver

import (
	"net/http"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// EnableEngine enables a secrets engine, such as "database" or "kv", at a
// path. On a server that is not ours it is disabled at the end of the test.
func (s *Server) EnableEngine(t testing.TB, path, kind string, options map[string]string) {
	t.Helper()
	s.enable(t, "sys/mounts/"+path, map[string]any{"type": kind, "options": options})
}

// EnableAuth enables an auth method, such as "approle", at a path. On a server
// that is not ours it is disabled at the end of the test.
func (s *Server) EnableAuth(t testing.TB, path, kind string) {
	t.Helper()
	s.enable(t, "sys/auth/"+path, map[string]any{"type": kind})
}

func (s *Server) enable(t testing.TB, path string, body map[string]any) {
	t.Helper()
	s.Root().Write(t, path, body)
	if !s.Own() {
		t.Cleanup(func() { s.Root().Delete(t, path) })
	}
}

// WritePolicy writes an ACL policy in HCL.
func (s *Server) WritePolicy(t testing.TB, name, hcl string) {
	t.Helper()
	s.Root().Write(t, "sys/policies/acl/"+name, map[string]any{"policy": hcl})
}

// ConnectDatabase tells the engine at path mount of a connection name to one
// database of a PostgreSQL server, as its superuser, for every role.
func (s *Server) ConnectDatabase(t testing.TB, mount, name string, server *pgserver.Server, database string) {
	t.Helper()
	s.Root().Write(t, mount+"/config/"+name, map[string]any{
		"plugin_name":             "postgresql-database-plugin",
		"allowed_roles":           "*",
		"connection_url":          server.DSN(server.Superuser(), server.Password(), database),
		"password_authentication": "scram-sha-256",
	})
}

// AppRole is what a program logs in with.
type AppRole struct {
	// Mount is the path of the auth method.
	Mount    string
	RoleID   string
	SecretID credential.Secret
}

// CreateAppRole creates a role at an auth method of type approle with
// parameters such as token_policies, and a secret id for it.
func (s *Server) CreateAppRole(t testing.TB, mount, name string, parameters map[string]any) AppRole {
	t.Helper()
	path := "auth/" + mount + "/role/" + name
	s.Root().Write(t, path, parameters)
	role := AppRole{Mount: mount}
	role.RoleID, _ = s.Root().Read(t, path+"/role-id").Data["role_id"].(string)
	secret, _ := s.Root().Write(t, path+"/secret-id", nil).Data["secret_id"].(string)
	if role.RoleID == "" || secret == "" {
		t.Fatalf("Vault gave no id for role %s", name)
	}
	role.SecretID = credential.NewSecret(secret)
	return role
}

// Login logs in with an AppRole and returns a client with the token, and the
// token's accessor.
func (s *Server) Login(t testing.TB, role AppRole) (client *Client, accessor string) {
	t.Helper()
	answer := s.unnamed().must(t, http.MethodPut, "auth/"+role.Mount+"/login",
		map[string]any{"role_id": role.RoleID, "secret_id": role.SecretID.Reveal()})
	return s.named(t, answer)
}

// Child makes a token under that of the client (API auth/token/create) with
// parameters such as policies and display_name, and returns a client with it,
// and its accessor.
func (c *Client) Child(t testing.TB, parameters map[string]any) (client *Client, accessor string) {
	t.Helper()
	return c.server.named(t, c.Write(t, "auth/token/create", parameters))
}

func (s *Server) named(t testing.TB, answer Answer) (client *Client, accessor string) {
	t.Helper()
	token, _ := answer.Auth["client_token"].(string)
	accessor, _ = answer.Auth["accessor"].(string)
	if token == "" || accessor == "" {
		t.Fatalf("Vault gave no token: %v", answer)
	}
	return s.Client(credential.NewSecret(token)), accessor
}

// Credential is a login that Vault has made.
type Credential struct {
	LeaseID  string
	User     string
	Password credential.Secret
	// Duration is how long the lease lasts from now on, unless it is renewed.
	Duration time.Duration
}

// Credential asks for a login, such as at "database/creds/shop-read".
func (c *Client) Credential(t testing.TB, path string) Credential {
	t.Helper()
	answer := c.Read(t, path)
	user, _ := answer.Data["username"].(string)
	password, _ := answer.Data["password"].(string)
	if user == "" || password == "" {
		t.Fatalf("Vault gave no login at %s: %v", path, answer)
	}
	return Credential{
		LeaseID: answer.LeaseID, User: user,
		Password: credential.NewSecret(password), Duration: answer.LeaseDuration,
	}
}

// LeaseAlive says whether the server still knows a lease (API
// sys/leases/lookup).
func (s *Server) LeaseAlive(t testing.TB, id string) bool {
	t.Helper()
	answer, err := s.Root().Do(t.Context(), http.MethodPut, "sys/leases/lookup", map[string]any{"lease_id": id})
	if err != nil {
		t.Fatalf("Vault: %v\n%s", err, s.logTail())
	}
	switch answer.Status {
	case http.StatusOK:
		return true
	case http.StatusBadRequest: // invalid lease
		return false
	default:
		t.Fatalf("Vault: look up a lease: %v", answer)
		return false
	}
}

// Revoke revokes a lease and returns when it is done (API sys/leases/revoke
// with sync).
func (s *Server) Revoke(t testing.TB, id string) {
	t.Helper()
	s.Root().Write(t, "sys/leases/revoke", map[string]any{"lease_id": id, "sync": true})
}
