package vaultsetup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/proxy/credential"
)

func (s *Stage) connectSuper(t *testing.T) (*pgconn.PgConn, error) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), s.Server.DSN(s.Server.Superuser(), s.Server.Password(), Database))
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
	}
	return conn, err
}

// read is a file of the folder, which has to be closed to others.
func (s *Stage) read(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(s.Folder, name)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has the mode %v", name, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// noPasswordInLog looks for what Vault has set and said in the server's log,
// which has every statement. Passwords get there as SCRAM verifiers only.
func (s *Stage) noPasswordInLog(t *testing.T) {
	t.Helper()
	log, err := s.Server.Log()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(log) {
		_, rest, is := strings.Cut(line, " PASSWORD '")
		if !is || strings.Contains(line, " ROLE \"v-") { // the role other of this suite
			continue
		}
		n++
		if !strings.HasPrefix(rest, "SCRAM-SHA-256$") {
			t.Errorf("a password is in the log of the server: %.60s...", line)
		}
	}
	if n < 5 {
		t.Errorf("only %d passwords were set: the log has another form than this test thinks", n)
	}
	if strings.Contains(log, "a \"first\" password") {
		t.Error("the first password of shop_vault is in the log of the server")
	}
}

// setup can be run again, changes nothing then, mends what is not as it should
// be, and renews the secret id when it is told to or has to.
func TestSetUpAgain(t *testing.T) {
	s := New(t, 15)
	s.Vault.Mine(t, "change a policy and a role of")
	role, secret := s.read(t, "role_id"), s.read(t, "secret_id")
	if _, err := os.Stat(filepath.Join(s.dir, "shop_vault.password")); !os.IsNotExist(err) {
		t.Errorf("the file with the first password is still there (%v)", err)
	}
	if _, err := s.connect(t, vaultserver.Credential{User: "shop_vault", Password: credential.NewSecret(firstPassword)}, ""); err == nil {
		t.Error("shop_vault still logs in with its first password")
	}

	// The same command as the first time.
	s.Vault.Root().Delete(t, "database/roles/shop-read")
	s.Vault.WritePolicy(t, "sluice-session", `path "secret/*" { capabilities = ["read"] }`)
	out := s.SetUp(t, "--host", "localhost", "--port", fmt.Sprint(s.Server.Port()), "--ca", s.Server.CAFile,
		"--password-file", filepath.Join(s.dir, "shop_vault.password"))
	if s.read(t, "role_id") != role || s.read(t, "secret_id") != secret {
		t.Errorf("the second run changed the ids\n%s", out)
	}
	before := s.AppRole(t)
	c, _ := s.issue(t, s.sluice(t), "shop-read", "anna")
	s.login(t, c, "shop_read")

	s.SetUp(t, "--new-secret-id")
	if s.read(t, "role_id") != role || s.read(t, "secret_id") == secret {
		t.Error("--new-secret-id made no new one, or another role id")
	}
	answer, err := s.Vault.Root().Do(t.Context(), "PUT", "auth/approle/login",
		map[string]any{"role_id": before.RoleID, "secret_id": before.SecretID.Reveal()})
	if err != nil || answer.Status != 400 {
		t.Errorf("a login with the secret id that was replaced: %v, %v", answer, err)
	}
	s.sluice(t)

	// One that Vault does not know is replaced without being asked.
	if err := os.WriteFile(filepath.Join(s.Folder, "secret_id"), []byte("unknown"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.SetUp(t)
	s.sluice(t)
}

// What is wrong is said, and nothing is left half done.
func TestSetUpFails(t *testing.T) {
	server := vaultserver.Start(t)
	s := &Stage{Vault: server, dir: t.TempDir()}
	s.Folder = filepath.Join(s.dir, "vault")
	for _, c := range []struct {
		env  []string
		args []string
		says string
	}{
		{nil, nil, "give --host, --ca and --password-file"},
		{[]string{"VAULT_ADDR="}, nil, "VAULT_ADDR is not set"},
		{[]string{"VAULT_TOKEN="}, nil, "VAULT_TOKEN is not set"},
		{[]string{"VAULT_TOKEN=wrong"}, nil, "status 403"},
		{[]string{"VAULT_ADDR=http://127.0.0.1:1"}, nil, "does not answer"},
		{nil, []string{"--what"}, "usage: setup"},
		{nil, []string{"--host"}, "usage: setup"},
		{nil, []string{"folder"}, "usage: setup"},
	} {
		out, err := s.trySetUp(t, c.env, c.args...)
		if err == nil || !strings.Contains(out, c.says) {
			t.Errorf("setup with %v %v: %v\n%s\nwant %q", c.env, c.args, err, out, c.says)
		}
		if strings.Contains(out, server.RootToken().Reveal()) {
			t.Errorf("setup with %v %v tells the token", c.env, c.args)
		}
	}
	if _, err := os.Stat(s.Folder); !os.IsNotExist(err) {
		t.Errorf("the folder is there (%v)", err)
	}
}

// No secret is an argument of a program: a curl that writes its arguments down
// stands before the real one.
func TestNoSecretInArguments(t *testing.T) {
	s := prepare(t, vaultserver.Start(t), start(t, 15))
	bin, seen := filepath.Join(s.dir, "bin"), filepath.Join(s.dir, "arguments")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"curl", "sed", "awk", "grep", "head", "cat", "mv", "rm"} {
		script := fmt.Sprintf("#!/bin/sh\nprintf '%%s ' %s \"$@\" >>%s\necho >>%s\nPATH=/usr/bin:/bin exec %s \"$@\"\n", program, seen, seen, program)
		if err := os.WriteFile(filepath.Join(bin, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=" + bin + ":/usr/bin:/bin"}
	if out, err := s.trySetUp(t, env, s.first(t)...); err != nil {
		t.Fatalf("setup: %v\n%s", err, out)
	}
	secret := s.read(t, "secret_id")
	if out, err := s.trySetUp(t, env, "--new-secret-id"); err != nil {
		t.Fatalf("setup: %v\n%s", err, out)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "curl "); n < 10 {
		t.Fatalf("only %d runs of curl were seen:\n%s", n, text)
	}
	for what, value := range map[string]string{
		"the token": s.Vault.RootToken().Reveal(), "the secret id": strings.TrimSpace(secret),
		"the new secret id": strings.TrimSpace(s.read(t, "secret_id")), "the first password": "of shop_vault",
	} {
		if strings.Contains(string(text), value) {
			t.Errorf("%s is an argument of a program", what)
		}
	}
}
