package vaultserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// database is a PostgreSQL with the engine connected to it.
func database(t *testing.T, s *Server) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Version: 15, TLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.EnableEngine(t, "database", "database", nil)
	s.ConnectDatabase(t, "database", "test", server, "postgres")
	s.Root().Write(t, "database/roles/short", map[string]any{
		"db_name":             "test",
		"creation_statements": []string{`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`},
		"default_ttl":         "1h", "max_ttl": "2h",
	})
	return server
}

func login(t *testing.T, server *pgserver.Server, c Credential) error {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), server.DSN(c.User, c.Password.Reveal(), "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(t.Context())
}

// A login is issued, works, and is revoked; a lease outlives the death of
// Vault.
func TestLifeOfALease(t *testing.T) {
	s := Start(t)
	server := database(t, s)
	first := s.Root().Credential(t, "database/creds/short")
	if err := login(t, server, first); err != nil || first.Duration != time.Hour {
		t.Fatalf("the login for %s: %v", first.Duration, err)
	}
	s.Revoke(t, first.LeaseID)
	var refusal *pgconn.PgError
	if err := login(t, server, first); !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Code, "28") {
		t.Errorf("a login that was revoked: %v", err)
	}
	if s.LeaseAlive(t, first.LeaseID) {
		t.Error("the lease is there after it was revoked")
	}

	second := s.Root().Credential(t, "database/creds/short")
	address, pid := s.Address(), s.PID()
	s.Kill(t)
	if _, err := s.Root().Do(t.Context(), http.MethodGet, "sys/health", nil); err == nil || s.PID() != 0 {
		t.Errorf("a killed Vault answers (%v), process %d", err, s.PID())
	}
	s.Restart(t)
	if s.Address() != address || s.PID() == pid || !s.Sealed(t) {
		t.Errorf("after the restart: %s was %s, process %d was %d, sealed %t", s.Address(), address, s.PID(), pid, s.Sealed(t))
	}
	s.Unseal(t)
	if !s.LeaseAlive(t, second.LeaseID) {
		t.Error("the lease did not outlive the death of Vault")
	}
	if err := login(t, server, second); err != nil {
		t.Errorf("the login of a lease that goes on: %v", err)
	}
	s.Revoke(t, second.LeaseID)
	if err := login(t, server, second); err == nil {
		t.Error("a login that was revoked after a restart works")
	}
}

// A sealed Vault says so, a wrong token is refused, and restarts are as clean
// as deaths.
func TestSeal(t *testing.T) {
	s := Start(t)
	s.Client(s.unsealKey).Refused(t, http.MethodGet, "sys/mounts", nil)
	s.Seal(t)
	answer, err := s.Root().Do(t.Context(), http.MethodGet, "sys/mounts", nil)
	if err != nil || answer.Status != http.StatusServiceUnavailable || !s.Sealed(t) {
		t.Errorf("a sealed Vault: %v, %v", answer, err)
	}
	s.Unseal(t)
	s.Root().Read(t, "sys/mounts")
	s.Restart(t)
	s.Unseal(t)
	s.Root().Read(t, "sys/mounts")
	s.Stop(t)
	s.Stop(t)
}

// Keys and values have versions.
func TestKeyValue(t *testing.T) {
	s := Start(t)
	s.EnableEngine(t, "secret", "kv", map[string]string{"version": "2"})
	for _, value := range []string{"one", "two"} {
		s.Root().Write(t, "secret/data/sluice/key", map[string]any{"data": map[string]any{"value": value}})
	}
	data, _ := s.Root().Read(t, "secret/data/sluice/key").Data["data"].(map[string]any)
	old, _ := s.Root().Read(t, "secret/data/sluice/key?version=1").Data["data"].(map[string]any)
	if data["value"] != "two" || old["value"] != "one" {
		t.Errorf("the values are %v and before %v", data["value"], old["value"])
	}
	if keys := s.Root().List(t, "secret/metadata/sluice"); len(keys) != 1 || keys[0] != "key" {
		t.Errorf("the keys are %v", keys)
	}
	s.Root().Delete(t, "secret/metadata/sluice/key")
	if keys := s.Root().List(t, "secret/metadata/sluice"); len(keys) != 0 {
		t.Errorf("the keys are %v after they were deleted", keys)
	}
}

// An AppRole logs in and may do what its policies say; a child token hangs
// from it.
func TestAppRole(t *testing.T) {
	s := Start(t)
	s.EnableAuth(t, "approle", "approle")
	s.WritePolicy(t, "reader", `path "sys/mounts" { capabilities = ["read"] }
path "auth/token/create" { capabilities = ["update"] }`)
	role := s.CreateAppRole(t, "approle", "program", map[string]any{"token_policies": []string{"reader"}})
	program, accessor := s.Login(t, role)
	program.Read(t, "sys/mounts")
	program.Refused(t, http.MethodGet, "sys/auth", nil)
	child, _ := program.Child(t, map[string]any{"display_name": "anna"})
	child.Read(t, "sys/mounts")
	s.Root().Write(t, "auth/token/revoke-accessor", map[string]any{"accessor": accessor})
	program.Refused(t, http.MethodGet, "sys/mounts", nil)
	child.Refused(t, http.MethodGet, "sys/mounts", nil)
	if text := fmt.Sprintf("%v %+v %#v", role, role, program); strings.Contains(text, role.SecretID.Reveal()) ||
		strings.Contains(text, program.Token().Reveal()) {
		t.Error("a secret is printed")
	}
}

// The certificate is the one of the authority.
func TestTLS(t *testing.T) {
	s := StartWith(t, Options{TLS: true})
	ca, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	get := func(address string) (int, error) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
		response, err := client.Get(address + "/v1/sys/health")
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	for range 2 {
		for _, address := range []string{s.TLSAddress(), strings.Replace(s.TLSAddress(), "127.0.0.1", "localhost", 1), s.Address()} {
			if status, err := get(address); err != nil || status != http.StatusOK {
				t.Errorf("%s: status %d, %v", address, status, err)
			}
		}
		before := s.TLSAddress()
		s.Restart(t)
		s.Unseal(t)
		if s.TLSAddress() != before {
			t.Errorf("after a restart it is at %s and not at %s", s.TLSAddress(), before)
		}
	}
	pool = x509.NewCertPool()
	if _, err := get(s.TLSAddress()); err == nil {
		t.Error("nobody has to trust its authority")
	}
}

// The server does not outlive whoever started it.
func TestEndsWithItsStarter(t *testing.T) {
	s := Start(t)
	s.process.stdin.Close()
	select {
	case <-s.process.exited:
	case <-time.After(stopTime):
		t.Error("it goes on after its standard input has ended")
	}
}

// failing is a test that fails without being one.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// fails runs what has to fail a test, and returns what it says.
func fails(t *testing.T, run func(testing.TB)) string {
	f, done := &failing{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		run(f)
	}()
	<-done
	return f.said
}

// Another server is used when the environment names it. What cannot be done to
// it fails.
func TestElsewhere(t *testing.T) {
	own := Start(t)
	t.Setenv(addressVariable, own.Address())
	t.Setenv(tokenVariable, own.RootToken().Reveal())
	s := Start(t)
	if s.Own() || s.Address() != own.Address() || s.PID() != 0 {
		t.Errorf("it is %s, process %d", s.Address(), s.PID())
	}
	t.Run("what was enabled goes", func(t *testing.T) { s.EnableEngine(t, "mine", "kv", nil) })
	if answer, err := own.Root().Do(t.Context(), http.MethodGet, "mine/x", nil); err != nil || !strings.Contains(strings.Join(answer.Errors, " "), "no handler") {
		t.Errorf("the engine is there after its test: %v, %v", answer, err)
	}
	for what, do := range map[string]func(testing.TB){"kill": s.Kill, "restart": s.Restart, "seal": s.Seal, "unseal": s.Unseal} {
		if said := fails(t, do); !strings.Contains(said, "has to "+what) || !strings.Contains(said, addressVariable) {
			t.Errorf("%s: %q", what, said)
		}
	}
	own.Seal(t)
	for says, env := range map[string][2]string{
		"is sealed":                 {own.Address(), "token"},
		"needs " + tokenVariable:    {own.Address(), ""},
		"is no address such as":     {"127.0.0.1:8200", "token"},
		addressVariable + " is not": {"", "token"},
	} {
		t.Setenv(addressVariable, env[0])
		t.Setenv(tokenVariable, env[1])
		if said := fails(t, func(tb testing.TB) { Start(tb) }); !strings.Contains(said, says) {
			t.Errorf("%v: %q, want %q", env, said, says)
		}
	}
}

// What makes the program is in the key, and nothing else.
func TestSourceKey(t *testing.T) {
	source, err := sourceFolder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	key := func(of string) {
		got, err := sourceKey(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if of != "a test" && of != "the same" && keys[got] != "" {
			t.Errorf("%s has the key of %s", of, keys[got])
		} else if (of == "a test" || of == "the same") && keys[got] == "" {
			t.Errorf("%s has a key of its own", of)
		}
		keys[got] = of
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key("the sources")
	key("the same")
	write("some_test.go", "package main")
	key("a test")
	write("go.sum", "")
	key("other sums")
	write("more.go", "package main")
	key("a file more")
	write("more.go", "package main\n")
	key("a changed file")
}

// Of two that lock, one waits, and not for ever.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := lock(short, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the second lock: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		again, err := lock(t.Context(), path)
		if err == nil {
			again()
		}
		got <- err
	}()
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// A program that cannot be built is an error that says what to do.
func TestBuildFails(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module x\n", "main.go": "package main\nfunc main() { missing() }\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "program")
	err := compile(t.Context(), dir, program)
	if err == nil || !strings.Contains(err.Error(), "undefined: missing") || !strings.Contains(err.Error(), addressVariable) {
		t.Errorf("%v", err)
	}
	if isProgram(program) {
		t.Error("there is a program")
	}
	// What is there is not built again.
	if _, err := Build(t.Context(), io.Discard); err != nil {
		t.Error(err)
	}
}
