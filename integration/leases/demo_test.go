package leases

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestDemo runs the demo the way a user would, in a Vault that others use too, and
// looks at what is left of it there.
func TestDemo(t *testing.T) {
	s := newDemoStage(t)
	t.Run("script", s.script)
	t.Run("Ctrl-C in the story", s.interruptedStory)
	t.Run("Ctrl-C with a session open", s.interruptedSession)
	t.Run("Ctrl-C while setting up", s.interruptedSetUp)
	t.Run("an answer of Vault's is lost", s.lostAnswer)
	t.Run("https", s.encrypted)
	t.Run("Vault is away at the end", s.leftBehind)
	t.Run("kill -9 and the README's commands", s.killedOutright)
	t.Run("Vault does not reach the database", s.elsewhere)
	t.Run("what is wrong is said", s.refusals)
}

// The story's verdicts are those in testdata, and nothing secret is printed.
func (s *demoStage) script(t *testing.T) {
	d := s.start(t, "--script")
	if code := d.wait(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, d.String())
	}
	s.manySecrets(t)
	wantFile(t, "testdata/demo.txt", verdicts(d.String()))
	for _, words := range []string{
		"vault_role=shop-app", "rule=engineers", "purpose=read", "logged in upstream as | sluice_shop_app_alice-", "Nothing of the demo is left in Vault.",
	} {
		if !strings.Contains(d.String(), words) {
			t.Errorf("%q is not in what the demo says\n%s", words, d.String())
		}
	}
	s.nothingLeft(t, d)
}

// verdicts are the chapters of a story and what was found true in each.
func verdicts(said string) string {
	var b strings.Builder
	for line := range strings.Lines(regexp.MustCompile(` \(\d+\.\d s later\)\n`).ReplaceAllString(said, "\n")) {
		if strings.HasPrefix(line, "   [ok] ") || regexp.MustCompile(`^\d\. `).MatchString(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (s *demoStage) interruptedStory(t *testing.T) {
	d := s.start(t, "--script")
	d.until(t, "3. Opening the door")
	d.interrupt(t)
	if code := d.wait(t); code == 0 || !strings.Contains(d.String(), "interrupted") {
		t.Errorf("exit code %d\n%s", code, d.String())
	}
	s.nothingLeft(t, d)
}

// While somebody works, no secret is in the demo's folder but what Sluice logs in
// to Vault with, in a file that only its owner can read.
func (s *demoStage) interruptedSession(t *testing.T) {
	d := s.start(t)
	d.until(t, "Ctrl-C ends Sluice")
	dsn := regexp.MustCompile(`psql "(host=[^"]*)"`).FindStringSubmatch(d.String())
	if dsn == nil {
		t.Fatalf("the demo names no way in\n%s", d.String())
	}
	c, err := pgconn.Connect(t.Context(), dsn[1]+" sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if login := mustQuery(t, c, "SELECT session_user"); !strings.HasPrefix(login, "sluice_shop_app_alice-") {
		t.Errorf("works with the login %q", login)
	}
	if now := s.inVault(t); now == s.before {
		t.Error("the demo has nothing in Vault: this test looks in the wrong place")
	}
	s.noSecretIn(t, d.folder)
	d.interrupt(t)
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, d.String())
	}
	s.nothingLeft(t, d)
}

// noSecretIn looks for secrets in every file of a folder.
func (s *demoStage) noSecretIn(t *testing.T, folder string) {
	t.Helper()
	s.manySecrets(t)
	secrets := s.secrets()
	files, keys := 0, 0
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return nil // servers make and remove files all the time
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		found := find(secrets, string(text))
		if filepath.Base(path) == "vault-secret-id" && slices.Equal(found, []string{"secret_id"}) && info.Mode().Perm() == 0o600 {
			keys++
		} else if found != nil {
			t.Errorf("%s holds %v", path, found)
		}
		return nil
	})
	if err != nil || files < 100 || keys != 1 {
		t.Errorf("%d files were looked at, %d of them with the secret id: %v", files, keys, err)
	}
}

// Ctrl-C comes when Vault has done what was asked, and the demo does not know yet.
func (s *demoStage) interruptedSetUp(t *testing.T) {
	for _, n := range []int{3, 7, 12} {
		d := s.prepare(t, "--script")
		s.tap.strikeAt(n, true, func() { d.interrupt(t) })
		d.run(t)
		if code := d.wait(t); code == 0 || !s.tap.struck() {
			t.Errorf("request %d: exit code %d, struck %t\n%s", n, code, s.tap.struck(), d.String())
		}
		s.nothingLeft(t, d)
	}
}

// An answer that never arrives fails the demo, and not what it removes.
func (s *demoStage) lostAnswer(t *testing.T) {
	for _, n := range []int{4, 10} {
		d := s.prepare(t, "--script")
		s.tap.strikeAt(n, true, func() {})
		d.run(t)
		if code := d.wait(t); code == 0 || !strings.Contains(d.String(), "cannot be reached") {
			t.Errorf("request %d: exit code %d\n%s", n, code, d.String())
		}
		s.nothingLeft(t, d)
	}
}

// Over https the certificate counts; who signed it is named as people name files.
func (s *demoStage) encrypted(t *testing.T) {
	d := s.prepare(t, "--script")
	d.cmd.Args[len(d.cmd.Args)-1] = s.vault.TLSAddress()
	d.run(t)
	if code := d.wait(t); code == 0 || !strings.Contains(d.String(), "name who did with --vault-ca") {
		t.Errorf("unknown authority: exit code %d\n%s", code, d.String())
	}
	d = s.prepare(t, "--script", "--vault-ca", filepath.Base(s.vault.CAFile()))
	d.cmd.Args[len(d.cmd.Args)-1] = s.vault.TLSAddress()
	d.cmd.Dir = filepath.Dir(s.vault.CAFile())
	d.run(t)
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, d.String())
	}
	s.nothingLeft(t, d)
}
