package leases

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/examples/demo/tenant"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// demoRights is a policy in Vault with what the demo says it needs, and no more.
const demoRights = "testdata/demo-rights.hcl"

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
	t.Run("Vault does not reach the database", s.elsewhere)
	t.Run("what is wrong is said", s.refusals)
}

// The story's verdicts are those in testdata, and nothing secret is printed.
func (s *demoStage) script(t *testing.T) {
	d := s.start(t, "--script")
	if code := d.wait(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, d.said())
	}
	wantFile(t, "testdata/demo.txt", verdicts(d.said()))
	for _, words := range []string{
		"vault_role=shop-app", "rule=engineers", "purpose=read", "logged in upstream as | sluice_shop_app_alice-", "Nothing of the demo is left in Vault.",
	} {
		if !strings.Contains(d.said(), words) {
			t.Errorf("%q is not in what the demo says\n%s", words, d.said())
		}
	}
	s.nothingLeft(t, d)
}

// verdicts are the chapters of a story and what was found true in each.
func verdicts(said string) string {
	var b strings.Builder
	for line := range strings.Lines(said) {
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
	if code := d.wait(t); code == 0 || !strings.Contains(d.said(), "interrupted") {
		t.Errorf("exit code %d\n%s", code, d.said())
	}
	s.nothingLeft(t, d)
}

// While somebody works, no secret is in the demo's folder but what Sluice logs in
// to Vault with, in a file that only its owner can read.
func (s *demoStage) interruptedSession(t *testing.T) {
	d := s.start(t)
	d.until(t, "Ctrl-C ends Sluice")
	dsn := regexp.MustCompile(`psql "(host=[^"]*)"`).FindStringSubmatch(d.said())
	if dsn == nil {
		t.Fatalf("the demo names no way in\n%s", d.said())
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
		t.Errorf("exit code %d\n%s", code, d.said())
	}
	s.nothingLeft(t, d)
}

// noSecretIn looks for secrets in every file of a folder.
func (s *demoStage) noSecretIn(t *testing.T, folder string) {
	t.Helper()
	secrets := s.secrets(t)
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
	for _, n := range []int{3, 4, 7, 12} {
		d := s.prepare(t, "--script")
		s.tap.strikeAt(n, true, func() { d.interrupt(t) })
		d.run(t)
		if code := d.wait(t); code == 0 || !s.tap.struck() {
			t.Errorf("request %d: exit code %d, struck %t\n%s", n, code, s.tap.struck(), d.said())
		}
		s.nothingLeft(t, d)
	}
}

// An answer that never arrives fails the demo, and not what it removes.
func (s *demoStage) lostAnswer(t *testing.T) {
	for _, n := range []int{3, 7, 10} {
		d := s.prepare(t, "--script")
		s.tap.strikeAt(n, true, func() {})
		d.run(t)
		if code := d.wait(t); code == 0 || !strings.Contains(d.said(), "cannot be reached") {
			t.Errorf("request %d: exit code %d\n%s", n, code, d.said())
		}
		s.nothingLeft(t, d)
	}
}

// Over https the certificate counts; who signed it is named as people name files.
func (s *demoStage) encrypted(t *testing.T) {
	d := s.prepare(t, "--script")
	d.cmd.Args[len(d.cmd.Args)-1] = s.vault.TLSAddress()
	d.run(t)
	if code := d.wait(t); code == 0 || !strings.Contains(d.said(), "name who did with --vault-ca") {
		t.Errorf("unknown authority: exit code %d\n%s", code, d.said())
	}
	d = s.prepare(t, "--script", "--vault-ca", filepath.Base(s.vault.CAFile()))
	d.cmd.Args[len(d.cmd.Args)-1] = s.vault.TLSAddress()
	d.cmd.Dir = filepath.Dir(s.vault.CAFile())
	d.run(t)
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, d.said())
	}
	s.nothingLeft(t, d)
}

// What cannot be removed is named with the commands that remove it, and these do.
func (s *demoStage) leftBehind(t *testing.T) {
	d := s.start(t, "--script")
	d.until(t, "2. December 2019")
	s.vault.Seal(t)
	d.interrupt(t)
	if code := d.wait(t); code == 0 || !strings.Contains(d.said(), "interrupted") {
		t.Errorf("exit code %d\n%s", code, d.said())
	}
	s.vault.Unseal(t)
	commands := regexp.MustCompile(`(?m)^  (vault .*)$`).FindAllStringSubmatch(d.said(), -1)
	if len(commands) != 5 {
		t.Fatalf("%d commands are named, want 5\n%s", len(commands), d.said())
	}
	for _, command := range commands {
		s.typed(t, command[1])
	}
	s.nothingLeft(t, d)
}

// typed does what a command line of Vault's does.
func (s *demoStage) typed(t *testing.T, line string) {
	t.Helper()
	root := s.vault.Root()
	forget := regexp.MustCompile(`^vault delete identity/entity/id/\$\(vault write -field=id identity/lookup/entity alias_name=(\S+) alias_mount_accessor=(\S+)\)$`)
	if ids := forget.FindStringSubmatch(line); ids != nil {
		found := root.Write(t, "identity/lookup/entity", map[string]any{"alias_name": ids[1], "alias_mount_accessor": ids[2]})
		root.Delete(t, fmt.Sprint("identity/entity/id/", found.Data["id"]))
		return
	}
	for one := range strings.SplitSeq(line, "; ") {
		words := strings.Fields(one)
		name := words[len(words)-1]
		switch strings.Join(words[:len(words)-1], " ") {
		case "vault lease revoke -force -prefix":
			root.Write(t, "sys/leases/revoke-force/"+name, nil)
		case "vault secrets disable":
			root.Delete(t, "sys/mounts/"+name)
		case "vault auth disable":
			root.Delete(t, "sys/auth/"+name)
		case "vault policy delete":
			root.Delete(t, "sys/policies/acl/"+name)
		default:
			t.Errorf("nobody knows the command %q", one)
		}
	}
}

// A Vault on another machine meets nobody at the loopback.
func (s *demoStage) elsewhere(t *testing.T) {
	v, err := tenant.Open(t.Context(), tenant.Options{Address: s.vault.Address(), Token: credential.NewSecret(s.token), TokenFrom: "VAULT_TOKEN"})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	authority, err := pgserver.NewAuthority(t.TempDir(), "nobody's")
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Settle(t.Context(), tenant.Database{
		Host: "127.0.0.1", Port: 1, Name: "shop", CAFile: authority.CertFile(),
		User: "shop_vault", Password: credential.NewSecret("a password"), Group: "shop_app",
	})
	if err == nil || !strings.Contains(err.Error(), "cannot log in to the demo's PostgreSQL at 127.0.0.1:1, which listens on this machine's loopback only; take a Vault that") {
		t.Error(err)
	}
	if diff := cmp.Diff(s.before, s.inVault(t)); diff != "" {
		t.Errorf("Vault is not as it was (-before +after)\n%s", diff)
	}
}

func (s *demoStage) refusals(t *testing.T) {
	s.tap.strikeAt(0, false, nil)
	nothing, _ := s.vault.Root().Child(t, map[string]any{"policies": []string{"default"}, "ttl": "1h"})
	counted, _ := s.vault.Root().Child(t, map[string]any{"policies": []string{"root"}, "num_uses": 9})
	short, _ := s.vault.Root().Child(t, map[string]any{"policies": []string{"default"}, "ttl": "1m"})
	for name, c := range map[string]struct {
		address, token string
		want           []string
	}{
		"no token":       {s.tap.address(), "", []string{"no token for Vault: set VAULT_TOKEN", "vault login"}},
		"wrong token":    {s.tap.address(), "hvs.there-is-no-such-token", []string{"the token of VAULT_TOKEN is not valid"}},
		"not allowed":    {s.tap.address(), nothing.Token().Reveal(), []string{"update, delete on sys/mounts/sluice-demo-", "create on auth/sluice-demo-"}},
		"counted token":  {s.tap.address(), counted.Token().Reveal(), []string{"can be used", "times only"}},
		"short token":    {s.tap.address(), short.Token().Reveal(), []string{"needs it for 5m0s"}},
		"not reachable":  {"http://127.0.0.1:1", "x", []string{"Vault at http://127.0.0.1:1 cannot be reached"}},
		"not encrypted":  {"http://vault.example.net:8200", "x", []string{"not encrypted", "https"}},
		"not an address": {"vault", "x", []string{"must begin with https://"}},
	} {
		d := s.prepare(t, "--script")
		d.cmd.Args[len(d.cmd.Args)-1] = c.address
		d.token(c.token)
		d.run(t)
		if code := d.wait(t); code == 0 || strings.Contains(d.said(), "Starting three") {
			t.Errorf("%s: exit code %d\n%s", name, code, d.said())
		}
		for _, words := range c.want {
			if !strings.Contains(d.said(), words) {
				t.Errorf("%s: %q is not in %s", name, words, d.said())
			}
		}
	}
	s.vault.Seal(t)
	d := s.start(t, "--script")
	if code := d.wait(t); code == 0 || !strings.Contains(d.said(), "is sealed or not ready; unseal it with") {
		t.Errorf("sealed: exit code %d\n%s", code, d.said())
	}
	s.vault.Unseal(t)
}

// demoStage is a Vault that others use, with a tap in front of it.
type demoStage struct {
	vault  *vaultserver.Server
	tap    *tap
	binary string
	token  string // may do what testdata/demo-rights.hcl says
	before string // what there was in Vault
}

func newDemoStage(t *testing.T) *demoStage {
	t.Helper()
	s := &demoStage{vault: vaultserver.StartWith(t, vaultserver.Options{TLS: true}), binary: harness.BuildSluice(t)}
	s.tap = startTap(t, s.vault.Address)
	s.vault.EnableEngine(t, "kept", "kv", nil)
	s.vault.EnableEngine(t, "database", "database", nil)
	s.vault.EnableAuth(t, "approle", "approle")
	s.vault.WritePolicy(t, "kept", `path "kept/*" { capabilities = ["read"] }`)
	s.vault.Login(t, s.vault.CreateAppRole(t, "approle", "kept", map[string]any{"token_policies": "kept"}))
	rights, err := os.ReadFile(demoRights)
	if err != nil {
		t.Fatal(err)
	}
	s.vault.WritePolicy(t, "demo-rights", string(rights))
	client, _ := s.vault.Root().Child(t, map[string]any{"policies": []string{"demo-rights"}, "ttl": "2h"})
	s.token = client.Token().Reveal()
	s.before = s.inVault(t)
	return s
}

// inVault is everything that the demo could leave in Vault.
func (s *demoStage) inVault(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, path := range []string{"sys/mounts", "sys/auth"} {
		var names []string
		for name := range s.vault.Root().Read(t, path).Data {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintln(&b, path, names)
	}
	for _, path := range []string{"sys/policies/acl", "identity/entity/id", "identity/entity-alias/id", "auth/token/accessors"} {
		names := s.vault.Root().List(t, path)
		slices.Sort(names)
		fmt.Fprintln(&b, path, names)
	}
	s.leases(t, &b, "sys/leases/lookup/")
	return b.String()
}

// leases writes down all leases under a path.
func (s *demoStage) leases(t *testing.T, b *strings.Builder, path string) {
	t.Helper()
	names := s.vault.Root().List(t, path)
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			s.leases(t, b, path+name)
		} else {
			fmt.Fprintln(b, path+name)
		}
	}
}

// nothingLeft looks at Vault, the output and the folder after a demo.
func (s *demoStage) nothingLeft(t *testing.T, d *demoRun) {
	t.Helper()
	s.tap.strikeAt(0, false, nil)
	if diff := cmp.Diff(s.before, s.inVault(t)); diff != "" {
		t.Errorf("Vault is not as it was (-before +after)\n%s\n%s", diff, d.said())
	}
	if found := find(s.secrets(t), d.said()); found != nil {
		t.Errorf("the demo has printed %v\n%s", found, d.said())
	}
	if files, err := os.ReadDir(d.folder); err != nil || len(files) > 0 {
		t.Errorf("the demo left %v in its folder: %v", files, err)
	}
}

// secrets are what must not be seen: what passed through the tap, and the token.
func (s *demoStage) secrets(t *testing.T) map[string]string {
	t.Helper()
	secrets := s.tap.known()
	secrets[s.token] = "VAULT_TOKEN"
	kinds := map[string]int{}
	for _, what := range secrets {
		kinds[what]++
	}
	if kinds["client_token"] == 0 || kinds["password"] < 2 || kinds["secret_id"] == 0 {
		t.Fatalf("the secrets that are looked for are %v: too few to mean anything", kinds)
	}
	return secrets
}

// wantFile compares with a file.
func wantFile(t *testing.T, file, got string) {
	t.Helper()
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", file, diff)
	}
}
