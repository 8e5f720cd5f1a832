package login

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// approve is what the person does in a browser.
func (p *idp) approve(t *testing.T, code, person string) {
	t.Helper()
	answer, err := p.client.PostForm(p.issuer+"/approve", url.Values{"user_code": {code}, "person": {person}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the code %s was not approved: %s", code, answer.Status)
	}
}

var shownCode = regexp.MustCompile(`enter the code (\S+)$`)

// signIn runs sluice login with a folder of its own and approves as a person.
// It returns what the program printed as its result.
func (s *scene) signIn(t *testing.T, home, user, person string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	target := s.gate.Target()
	cmd := exec.CommandContext(ctx, builds.sluice, "login", "--issuer", s.idp.issuer, "--client-id", "psql", "--ca", s.world.Server.CAFile,
		"--host", target.Host, "--port", strconv.Itoa(target.Port), "--dbname", target.Database, "--user", user,
		"--sslrootcert", target.CAFile, "shop")
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	var result strings.Builder
	cmd.Stdout = &result
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		secrets.Show(t.Name(), lines.Text())
		if m := shownCode.FindStringSubmatch(lines.Text()); m != nil {
			s.idp.approve(t, m[1], person)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("sluice login: %v", err)
	}
	secrets.Show(t.Name(), result.String())
	return result.String()
}

// Somebody with an old client logs in at the provider and works with psql; what
// they wrote themselves stays as it is.
func TestSignIn(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[all]", "jwt", ", groups: [staff]"))
	home := t.TempDir()
	mine := map[string]string{".pgpass": "db:5432:*:anna:mine\n", ".pg_service.conf": "[shop]\nhost=elsewhere.example\n"}
	for name, text := range mine {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(home, ".config", "sluice", "login")
	if got, want := s.signIn(t, home, "alice", "alice"), "PGSERVICEFILE="+folder+"/pg_service.conf psql -d service=shop\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	s.noteSaved(t, folder)
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), builds.sluice, append([]string{"psql", "shop", "-X", "-w", "-A", "-t"}, args...)...)
		// What the person set for other databases is not for this one.
		cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "PGSERVICEFILE=" + filepath.Join(home, ".pg_service.conf"), "PGPASSWORD=mine"}
		out, err := cmd.CombinedOutput()
		secrets.Show(t.Name(), string(out))
		return string(out), err
	}
	out, err := run("-c", "SHOW sluice.session", "-c", `SELECT 'it''s in'`)
	if err != nil || !strings.Contains(out, "person|alice of "+s.idp.issuer) || !strings.Contains(out, "it's in\n") ||
		!strings.HasPrefix(out, "PGPASSWORD= PGSERVICEFILE="+folder+"/pg_service.conf psql -d service=shop -X -w") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run("--quiet", "--csv", "-c", "SELECT 1 AS one"); err != nil || !strings.HasSuffix(out, "\n1\n") {
		t.Errorf("with psql's own flags: %v\n%s", err, out)
	}
	// Somebody else agreed: the token is theirs, and not for this name.
	s.signIn(t, home, "alice", "bob")
	s.noteSaved(t, folder)
	if out, err := run("-c", "SELECT 1"); err == nil || !strings.Contains(out, `the token is not for "alice"`) {
		t.Errorf("%v\n%s", err, out)
	}
	for name, text := range mine {
		if data, err := os.ReadFile(filepath.Join(home, name)); err != nil || string(data) != text {
			t.Errorf("%s is now %q, %v", name, data, err)
		}
	}
	for _, name := range []string{"pg_service.conf", "shop.pgpass"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// noteSaved has the saved token looked for in what Sluice wrote.
func (s *scene) noteSaved(t *testing.T, folder string) {
	t.Helper()
	line, err := os.ReadFile(filepath.Join(folder, "shop.pgpass"))
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(string(line), ":")
	s.idp.note(strings.TrimSpace(string(line[at+1:])))
}
