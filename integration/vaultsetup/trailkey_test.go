package vaultsetup

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/proxy/doctor"
)

// leasesOfPeople lets everybody read with a lease of their own.
const leasesOfPeople = `version: 1
leases:
  - {id: own, purposes: [read], role: shop-read, group: shop_read}
rules:
  - {id: everything, effect: allow, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`

// keyInVault has a gate keep its trail's key in Vault, where the example has it.
const keyInVault = "SLUICE_TRAIL_VAULT_KEY_PATH=sluice/trail"

// front is Sluice in front of a server, with the example's Vault.
type front struct {
	*Stage
	gate    *harness.Gate
	program string
}

// newFront starts all three. The credential is in YAML; empty is the built-in
// issuer.
func newFront(t *testing.T, policy, credential, config string) *front {
	t.Helper()
	world := harness.NewWorld(t, 15)
	world.Reset(t, "shop", "restored")
	f := &front{Stage: Follow(t, vaultserver.Start(t), world.Server), program: harness.BuildSluice(t)}
	f.gate = harness.StartGateWith(t, world, f.program, harness.Setup{
		Policy: policy, Credential: credential, Env: []string{keyInVault},
		Config: fmt.Sprintf("vault: {address: %q, session_policies: [sluice-session], auth: {approle: {role_id_file: %q, secret_id_file: %q}}}\n%s",
			f.Vault.Address(), filepath.Join(f.Folder, "role_id"), filepath.Join(f.Folder, "secret_id"), config),
	})
	return f
}

// work has a person run a statement, as soon as Sluice listens.
func (f *front) work(t *testing.T) {
	t.Helper()
	target := f.gate.Target()
	dsn := fmt.Sprintf("host=127.0.0.1 port=%d user=%s password='%s' dbname=shop sslmode=disable", target.Port, target.User, target.Password)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, dsn)
	for err != nil && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
		conn, err = pgconn.Connect(ctx, dsn)
	}
	if err != nil {
		t.Fatalf("connect: %v\n%s", err, f.gate.Log())
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "SELECT 1").ReadAll(); err != nil {
		t.Fatalf("SELECT 1: %v\n%s", err, f.gate.Log())
	}
}

// verify has the program check the trail, with the public key that it finds
// beside it, and returns the number of the last record.
func (f *front) verify(t *testing.T) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), f.program, "audit", "verify", filepath.Join(f.gate.Dir(), "trail")).CombinedOutput()
	if err != nil {
		t.Fatalf("audit verify: %v\n%s", err, out)
	}
	var n int
	if _, err := fmt.Sscanf(string(out), "good up to record %d ", &n); err == nil {
		return n
	}
	t.Fatalf("audit verify counts no records:\n%s", out)
	return 0
}

// private is the key as Vault has it.
func (f *front) private(t *testing.T) string {
	t.Helper()
	data, _ := f.Vault.Root().Read(t, keyPath).Data["data"].(map[string]any)
	private, _ := data["key"].(string)
	if !strings.HasPrefix(private, "PRIVATE+KEY+") {
		t.Fatal("Vault has no key of a trail")
	}
	return private
}

func (f *front) public(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.gate.Dir(), "trail.pub"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// nowhere looks for the secret part of the key in everything that Sluice has
// written and shows.
func (f *front) nowhere(t *testing.T, private string) {
	t.Helper()
	// PRIVATE+KEY+name+hash+data; the data is base64, which has a + too.
	parts := strings.SplitN(private, "+", 5)
	texts := map[string]string{"the log": f.gate.Log()}
	err := filepath.WalkDir(f.gate.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"trail.pub", "trail.leases", filepath.Join("trail", "latest")} {
		if texts[filepath.Join(f.gate.Dir(), name)] == "" {
			t.Errorf("%s was not looked at", name)
		}
	}
	if _, is := texts[filepath.Join(f.gate.Dir(), "trail.key")]; is {
		t.Error("there is a file trail.key")
	}
	if !strings.Contains(texts["the log"], parts[2]) {
		t.Errorf("the log does not name the key %s", parts[2])
	}
	for place, text := range texts {
		if strings.Contains(text, parts[4]) || strings.Contains(text, "PRIVATE+KEY") {
			t.Errorf("%s holds the private key", place)
		}
	}
}

// doctorSays has the doctor look at the key, and make nothing of it.
func (f *front) doctorSays(t *testing.T, want string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), f.program, "doctor", "-o", "json", "--config", filepath.Join(f.gate.Dir(), "sluice.yaml"))
	cmd.Env = append(os.Environ(), keyInVault)
	out, err := cmd.Output() // other findings make it end with another code
	var report doctor.Report
	if decoded := json.Unmarshal(out, &report); decoded != nil {
		t.Fatalf("doctor: %v, %v\n%s", err, decoded, out)
	}
	for _, check := range report.Checks {
		if check.Name == "trail.key" && strings.Contains(check.Evidence, want) {
			return
		}
	}
	t.Errorf("the doctor does not say %q of the key:\n%s", want, out)
}

// fails starts Sluice again, which must end, and returns what it said meanwhile.
func (f *front) fails(t *testing.T) string {
	t.Helper()
	before := len(f.gate.Log())
	f.gate.Start(t)
	select {
	case <-f.gate.Exited():
	case <-time.After(30 * time.Second):
		t.Fatal("Sluice runs without its key")
	}
	return f.gate.Log()[before:]
}

// The trail's key is made in Vault at the first start and signs on after the
// second, is in no file, and without it nothing runs.
func TestTrailKeyInVault(t *testing.T) {
	f := newFront(t, leasesOfPeople, "vault: {control_role: sluice-control}", "")
	f.work(t)
	private := f.private(t)
	f.gate.Stop(t)
	f.nowhere(t, private)
	first, public := f.verify(t), f.public(t)

	f.gate.Start(t)
	f.work(t)
	f.gate.Stop(t)
	second := f.verify(t)
	if second <= first || f.public(t) != public || f.private(t) != private || f.keyVersion(t) != "1" {
		t.Errorf("%d records, then %d; the key has version %s", first, second, f.keyVersion(t))
	}
	f.nowhere(t, private)
	f.doctorSays(t, "Vault at secret/sluice/trail (field key) has sluice-trail/")

	f.Vault.Seal(t)
	f.doctorSays(t, "Vault is sealed")
	if said := f.fails(t); !strings.Contains(said, "Vault is sealed") || !strings.Contains(said, "start or unseal Vault, or correct vault.address") {
		t.Errorf("with Vault sealed:\n%s", said)
	}
	f.Vault.Unseal(t)
	f.withAnotherKey(t, private)
	f.gate.Start(t)
	f.work(t)
	f.gate.Stop(t)
	if third := f.verify(t); third <= second {
		t.Errorf("%d records, then %d", second, third)
	}
	f.nowhere(t, private)
}

// withAnotherKey has Sluice find its key gone, damaged and replaced, which it
// must not accept or mend, and puts it back.
func (f *front) withAnotherKey(t *testing.T, private string) {
	t.Helper()
	root := f.Vault.Root()
	root.Delete(t, "secret/metadata/sluice/trail")
	if said := f.fails(t); !strings.Contains(said, "Vault at secret/sluice/trail (field key) has none, and ") {
		t.Errorf("with the key gone:\n%s", said)
	}
	if answer, err := root.Do(t.Context(), http.MethodGet, keyPath, nil); err != nil || answer.Status != http.StatusNotFound {
		t.Errorf("another key was made: %v, %v", answer, err)
	}
	hurt := "PRIVATE+KEY+sluice-trail/x+00000000+" + strings.SplitN(private, "+", 5)[4]
	for text, want := range map[string]string{
		hurt:        "it is damaged",
		f.public(t): "it is the public half",
		"PRIVATE+KEY+sluice-trail/other+6f6c6b6d+AQ": "cannot be used",
	} {
		root.Write(t, keyPath, map[string]any{"data": map[string]any{"key": text}})
		if said := f.fails(t); !strings.Contains(said, want) || !strings.Contains(said, "in Vault at secret/sluice/trail") {
			t.Errorf("want %q:\n%s", want, said)
		}
	}
	root.Write(t, keyPath, map[string]any{"data": map[string]any{"key": private + "\n"}})
}

// Where only the key is wanted from Vault, Sluice gives its login back, and is
// ready with Vault away.
func TestOnlyTheTrailKeyInVault(t *testing.T) {
	port := harness.FreePort(t)
	f := newFront(t, harness.AllowAll, "", fmt.Sprintf("admin: {address: \"127.0.0.1:%d\"}", port))
	f.work(t)
	ready := func() string {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", port))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		return response.Status
	}
	before := ready()
	for _, token := range f.Vault.Root().List(t, "auth/token/accessors") {
		answer, err := f.Vault.Root().Do(t.Context(), http.MethodPut, "auth/token/lookup-accessor", map[string]any{"accessor": token})
		if err == nil && fmt.Sprint(answer.Data["policies"]) == "[sluice sluice-session]" {
			t.Error("Sluice keeps a login to Vault that it has no use for")
		}
	}
	f.Vault.Seal(t)
	f.work(t)
	if after := ready(); before != "200 OK" || after != before {
		t.Errorf("readiness is %s, and with Vault sealed %s", before, after)
	}
	f.gate.Stop(t)
	if n := f.verify(t); n < 2 {
		t.Errorf("%d records", n)
	}
}
