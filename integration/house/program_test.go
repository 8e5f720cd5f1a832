package house

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// ended is how a program ended.
type ended struct {
	code           int
	stdout, stderr string
}

// typed is a password for who asks for one.
const typed = "typed where a password is asked for"

func start(t *testing.T, dir, program string, args ...string) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader("an unreadable text\n")
	if len(args) > 0 && args[0] == "user" {
		secrets.Learn(secrets.Password, typed)
		cmd.Stdin = strings.NewReader(typed + "\n")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	secrets.Show(t.Name(), stdout.String()+stderr.String())
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// configuration is one that loads, in front of a database that is not there.
func configuration(t *testing.T, dir, policyFile string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	path := filepath.Join(dir, "with-"+policyFile)
	write(t, path, fmt.Sprintf(`listen:
  - {address: 127.0.0.1:0, plaintext: loopback}
users: users.scram
auth:
  - {databases: [all], users: [all], addresses: [all], method: scram-sha-256}
databases:
  - name: shop
    upstream: {host: 127.0.0.1, port: %[1]d, tls: {mode: disable}}
    credential:
      builtin: {admin: host=127.0.0.1 port=%[1]d user=nobody dbname=shop sslmode=disable, group: people}
policy: %[2]s
trail: {dir: trail-of-serve}
`, port, policyFile))
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// makeTrail writes a trail of one record, and a copy of it with one byte
// changed.
func makeTrail(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"good", "bad"} {
		key, err := audit.LoadOrCreateKey(filepath.Join(dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		trail, err := audit.Open(filepath.Join(dir, name), audit.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trail.Append(t.Context(), audit.Event{Time: time.Now(), Type: "test", ID: "abcdefgh", Body: map[string]string{}}); err != nil {
			t.Fatal(err)
		}
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
	}
	segments, err := filepath.Glob(filepath.Join(dir, "bad", "*.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	data, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	write(t, segments[0], string(data))
}

// The programs end as the table of exit codes says, and every code of the
// table is met. Nobody ever reads a stack trace.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	makeTrail(t, dir)
	write(t, filepath.Join(dir, "policy.yaml"), "version: 1\n")
	write(t, filepath.Join(dir, "empty.yaml"), "")
	write(t, filepath.Join(dir, "wrong.yaml"), "version: 1\nrules:\n  - {id: x, effect: alow}\n")
	write(t, filepath.Join(dir, "misspelled.yaml"), "listne: []\n")
	write(t, filepath.Join(dir, "one-rule.yaml"), "version: 1\nrules:\n  - {id: x, effect: deny, mode: warn, kinds: [ddl]}\n")
	write(t, filepath.Join(dir, "right.cases"), "allow anna \"SELECT 1\"\n")
	write(t, filepath.Join(dir, "differs.cases"), "deny anna \"SELECT 1\"\n")
	write(t, filepath.Join(dir, "misspelled.cases"), "alow anna \"SELECT 1\"\n")
	write(t, filepath.Join(dir, "nowhere.cases"), "allow anna place.nowhere=\"\" \"SELECT 1\"\n")
	write(t, filepath.Join(dir, "allow.yaml"), "version: 1\nrules:\n  - {id: all, effect: allow, kinds: [\"*\"]}\n")
	write(t, filepath.Join(dir, "good.sql"), "SELECT 1;\n")
	write(t, filepath.Join(dir, "bad.sql"), "COPY users TO STDOUT;\n")
	write(t, filepath.Join(dir, "broken.sql"), "SELECT '\xff';\n")
	cases := []struct {
		code  int
		says  string
		words string
	}{
		{0, "", "--help"},
		{0, "", "audit verify good"},
		{0, "", "audit show good"},
		{0, "", "user add --file users.scram alice"},
		{0, "", "policy check policy.yaml"},
		{0, "mode warn", "policy check one-rule.yaml"},
		{0, "", "policy explain --policy policy.yaml --as anna SELECT"},
		{0, "", "policy test --policy policy.yaml --min-coverage 100 right.cases"},
		{1, "no request zzzzzzzz", "why --trail good zzzzzzzz"},
		{1, "public key", "audit verify nothing-here"},
		{1, "192.0.2.1:6432", "serve --set listen[0].address=192.0.2.1:6432 --config " + configuration(t, dir, "policy.yaml")},
		{2, `no command "bogus"`, "bogus"},
		{2, `no command "bogus"`, "audit bogus"},
		{2, "bogus", "serve --bogus"},
		{2, "takes one DIR", "audit verify"},
		{2, "takes one DIR", "audit show"},
		{2, "\"yesterday\" is not a time: write it like", "audit show --since yesterday trail"},
		{2, "not text or json", "audit verify --format xml trail"},
		{2, "is not an address: write one like", "check --address here good.sql"},
		{2, "is not a method", "check --method password good.sql"},
		{2, "put --all before good.sql", "check good.sql --all"},
		{2, "put --format before", "audit show good --format=ndjson"},
		{2, "sluice policy --help lists them", "policy chekc"},
		{2, "--file", "user add alice"},
		{2, "--trail", "why abcdefgh"},
		{0, "", "policy schema"},
		{2, "takes no arguments", "policy schema x"},
		{2, "FILEs", "policy check"},
		{2, "--policy", "policy test right.cases"},
		{2, "verdict FILEs", "policy test --policy policy.yaml"},
		{2, "not text or ndjson", "policy test --policy policy.yaml --format yaml right.cases"},
		{2, "from 0 to 100", "policy test --policy policy.yaml --min-coverage 101 right.cases"},
		{2, "--as USER", "policy explain --policy policy.yaml SELECT"},
		{2, "is not an address", "policy explain --policy policy.yaml --as anna --address here SELECT"},
		{2, "has no =", "policy explain --policy policy.yaml --as anna --declared reason SELECT"},
		{3, "1 case not as expected", "policy test --policy policy.yaml differs.cases"},
		{3, "--min-coverage asks for 50%", "policy test --policy one-rule.yaml --min-coverage 50 right.cases"},
		{0, "", "check --format ndjson good.sql"},
		{3, "1 of 2 statements would be refused", "check good.sql bad.sql"},
		{0, "", "check --policy allow.yaml bad.sql"},
		{1, "missing.sql", "check missing.sql"},
		{1, "broken.sql:1:", "check broken.sql"},
		{2, "takes one FILE", "check"},
		{2, "not text or ndjson", "check --format csv good.sql"},
		{2, "--address", "check --address nowhere good.sql"},
		{3, "would be refused", "check -"},
		{5, "did you mean allow?", "check --policy wrong.yaml good.sql"},
		{4, "does not verify", "audit verify bad"},
		{4, "does not verify", "audit verify --expect 1000 good"},
		{5, "did you mean allow?", "policy check policy.yaml wrong.yaml"},
		{5, "missing.yaml", "policy check missing.yaml"},
		{5, "mode warn", "policy check --strict one-rule.yaml"},
		{5, "the document is empty", "policy check empty.yaml"},
		{5, "did you mean allow?", "policy test --policy wrong.yaml right.cases"},
		{5, "did you mean allow?", "policy test --policy policy.yaml misspelled.cases"},
		{5, "missing.cases", "policy test --policy policy.yaml missing.cases"},
		{5, "no destination", "policy test --policy policy.yaml nowhere.cases"},
		{5, "no destination", "policy explain --policy policy.yaml --as anna --fact place.x= SELECT"},
		{0, "", "config check " + configuration(t, dir, "policy.yaml")},
		{0, "", "config show --origin --config " + configuration(t, dir, "policy.yaml")},
		{2, "takes one DATABASE", "classify --config " + configuration(t, dir, "policy.yaml")},
		{2, `no database "stock"; it has shop`, "classify --config " + configuration(t, dir, "policy.yaml") + " stock"},
		{5, "did you mean allow?", "classify --config " + configuration(t, dir, "wrong.yaml") + " shop"},
		{1, "issue credential", "classify --config " + configuration(t, dir, "policy.yaml") + " shop"},
		{0, "", "config schema"},
		{0, "", "man"},
		{0, "", "completion bash"},
		{2, "one FILE", "config check a b"},
		{2, "one FILE", "config check --config a b"},
		{2, "not text or json", "config check --format yaml a"},
		{2, "write KEY=VALUE", "config check --set limits a"},
		{2, "takes no arguments", "config show a"},
		{2, "not yaml, json or table", "config show -o xml"},
		{2, "takes no arguments", "config schema x"},
		{2, "takes no arguments", "man x"},
		{2, "takes one of bash, zsh, fish, powershell", "completion"},
		{2, "no completions for", "completion tcsh"},
		{2, "is not auto, always or never", "man --color sometimes"},
		{5, "did you mean listen?", "config check misspelled.yaml"},
		{5, "the configuration is not valid", "config check -o json misspelled.yaml"},
		{5, "missing.yaml", "config check missing.yaml"},
		{5, "did you mean limits.drain?", "config check --set limits.drian=1s " + configuration(t, dir, "policy.yaml")},
		{5, "flag --log-level: log.level", "config show --log-level loud --config " + configuration(t, dir, "policy.yaml")},
		{5, "holds a password", "config check --strict --set databases[0].credential.builtin.admin=password=x " + configuration(t, dir, "policy.yaml")},
		{5, "missing.yaml", "serve --config missing.yaml"},
		{5, "did you mean listen?", "serve --config misspelled.yaml"},
		{5, "did you mean allow?", "serve --config " + configuration(t, dir, "wrong.yaml")},
	}
	met := map[int]bool{}
	for _, c := range cases {
		got := start(t, dir, sluice, strings.Fields(c.words)...)
		met[got.code] = true
		if got.code != c.code || !strings.Contains(got.stderr, c.says) {
			t.Errorf("sluice %s: exit code %d and %q, want %d and %q", c.words, got.code, got.stderr, c.code, c.says)
		}
		if c.code != 0 && !strings.Contains("\n"+got.stderr, "\nsluice: ") {
			t.Errorf("sluice %s: %q does not say who speaks", c.words, got.stderr)
		}
		if strings.Contains(got.stderr, "goroutine ") {
			t.Errorf("sluice %s: a stack trace:\n%s", c.words, got.stderr)
		}
	}
	for _, row := range table(t, section(t, read(t, "README.md"), "Commands"), "exit code") {
		code, err := strconv.Atoi(row[0])
		if err != nil || !met[code] {
			t.Errorf("exit code %s is in the README, and nothing here ends with it", row[0])
		}
		delete(met, code)
	}
	if len(met) > 0 {
		t.Errorf("the README does not tell of the exit codes %v", met)
	}
}

func TestExitCodesOfTheVerifier(t *testing.T) {
	dir := t.TempDir()
	makeTrail(t, dir)
	for words, code := range map[string]int{
		"-key good.pub good":              0,
		"-key bad.pub bad":                4,
		"-key bad.pub good":               4,
		"-key good.pub -expect 1000 good": 4,
		"":                                2,
		"-bogus good":                     2,
		"-key missing.pub good":           1,
	} {
		if got := start(t, dir, sluiceVerify, strings.Fields(words)...); got.code != code {
			t.Errorf("sluice-verify %s: exit code %d, want %d\n%s", words, got.code, code, got.stderr)
		}
	}
}

// A password reaches the file as a verifier only, and nobody else can read
// the file.
func TestUserAddKeepsNoPassword(t *testing.T) {
	dir := t.TempDir()
	if got := start(t, dir, sluice, "user", "add", "--file", "users.scram", "alice"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	data, err := os.ReadFile(filepath.Join(dir, "users.scram"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "alice:SCRAM-SHA-256$") || strings.Contains(string(data), "password") {
		t.Error("the file does not hold a verifier, or holds the password")
	}
	info, err := os.Stat(filepath.Join(dir, "users.scram"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}
