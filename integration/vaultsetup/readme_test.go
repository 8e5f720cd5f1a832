package vaultsetup

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/policy/destination"
)

// commands are the lines of the example's README that one is to type.
func commands(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Example, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	in := false
	scan := bufio.NewScanner(strings.NewReader(string(text)))
	for scan.Scan() {
		switch line := scan.Text(); {
		case strings.HasPrefix(line, "```"):
			in = line == "```sh"
		case in:
			lines = append(lines, line)
		}
	}
	return lines
}

// Whoever types what the README says gets what it says. A line is run in a
// shell of its own, in a copy of the example, with what the lines before would
// have left in the environment; of the places in it, names and ports are ours.
func TestReadme(t *testing.T) {
	server := start(t, 15)
	s := &Stage{Vault: vaultserver.Start(t), Server: server, dir: t.TempDir()}
	s.Vault.Mine(t, "revoke all leases of the database engine in")
	if err := os.CopyFS(s.dir, os.DirFS(Example)); err != nil {
		t.Fatal(err)
	}
	s.Folder = filepath.Join(s.dir, "vault")
	place(t, server)
	ca, err := os.ReadFile(server.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "db-ca.pem"), ca, 0o644); err != nil {
		t.Fatal(err)
	}
	moved := strings.NewReplacer(
		"host=db-copy.example.net", fmt.Sprintf("host=localhost port=%d", server.Port()),
		"--host db-copy.example.net", fmt.Sprintf("--host localhost --port %d", server.Port()),
		"host=db.example.net", fmt.Sprintf("host=localhost port=%d", server.Port()),
		"--host db.example.net", fmt.Sprintf("--host localhost --port %d", server.Port()),
		"https://vault.example.net:8200", s.Vault.Address(),
	)
	token := s.Vault.RootToken().Reveal()
	typed := map[string]string{"psql": firstPassword + "\n" + firstPassword + "\n", "(umask": firstPassword + "\n", "printf": token + "\n"}
	said := map[string]string{`printf '{"role_id"`: "200\n"}
	lines := commands(t)
	if len(lines) < 8 {
		t.Fatalf("only %d commands were found", len(lines))
	}
	for i, line := range lines {
		if strings.HasPrefix(line, "rm headers") {
			s.usedUp(t)
		}
		word, _, _ := strings.Cut(line, " ")
		cmd := exec.CommandContext(t.Context(), "bash", "-c", moved.Replace(line))
		cmd.Dir, cmd.Stdin = s.dir, strings.NewReader(typed[word])
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal
		cmd.Env = []string{
			"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + s.dir, "PGPASSWORD=" + server.Password(),
			"VAULT_ADDR=" + s.Vault.Address(), "VAULT_TOKEN=" + token,
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("line %d, %s: %v\n%s", i+1, line, err, out)
		}
		for begin, want := range said {
			if strings.HasPrefix(line, begin) {
				delete(said, begin)
				if string(out) != want {
					t.Errorf("%s says %q, want %q", line, out, want)
				}
				s.inUse(t)
			}
		}
	}
	if len(said) > 0 {
		t.Errorf("these commands are not in the README: %v", said)
	}
}

// place makes the database that copies are carried to, and has in it what sluice
// destination setup prints.
func place(t *testing.T, server *pgserver.Server) {
	t.Helper()
	sql, err := destination.SetupSQL(destination.SetupOptions{Database: Place})
	if err == nil {
		err = server.Exec(t.Context(), Database, "CREATE DATABASE "+Place)
	}
	if err == nil {
		err = server.Exec(t.Context(), Place, sql)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// inUse leaves a session of a person behind.
func (s *Stage) inUse(t *testing.T) {
	t.Helper()
	c, _ := s.issue(t, s.sluice(t), "shop-read", "anna")
	s.login(t, c, "shop_read")
	if s.super(t, "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'sluice%'") != "1" {
		t.Error("the session is not there")
	}
}

// usedUp fails the test if anything of Sluice's is left.
func (s *Stage) usedUp(t *testing.T) {
	t.Helper()
	await(t, "logins of Sluice", func() string {
		return s.super(t, "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname ~ '^sluice_.+_[a-z0-9]{8}$'")
	})
	if n := s.super(t, "SELECT count(*) FROM pg_stat_activity WHERE usename IS NULL AND backend_type = 'client backend'"); n != "0" {
		t.Errorf("%s sessions without a role go on", n)
	}
	role := s.AppRole(t)
	answer, err := s.Vault.Root().Do(t.Context(), "PUT", "auth/approle/login",
		map[string]any{"role_id": role.RoleID, "secret_id": role.SecretID.Reveal()})
	if err != nil || answer.Status < 400 {
		t.Errorf("Sluice logs in after everything was taken away: %v, %v", answer, err)
	}
}
