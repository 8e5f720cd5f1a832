package vaultsetup

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// keyPath is where the example has the trail's key.
const keyPath = "secret/data/sluice/trail"

// open is a client as Sluice's own, with a journal in a folder of its own.
func (s *Stage) open(t *testing.T) *vault.Client {
	t.Helper()
	client, err := vault.Open(vault.Config{
		Address: s.Vault.Address(), Journal: filepath.Join(t.TempDir(), "journal"),
		Auth: vault.Auth{AppRole: &vault.AppRole{
			RoleIDFile: filepath.Join(s.Folder, "role_id"), SecretIDFile: filepath.Join(s.Folder, "secret_id"),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return client
}

// Several that start at once with a Vault where there is no key sign with one,
// and so does who comes later; with Sluice's token nobody replaces it.
func TestTrailKeyIsMadeOnce(t *testing.T) {
	s := New(t, 15)
	trail := proxy.TrailConfig{VaultKey: &proxy.VaultKey{Mount: "secret", Path: "sluice/trail", Field: "key"}}
	load := func(client *vault.Client, public string) (*audit.Key, error) {
		return audit.LoadOrCreateKept(t.Context(), trail.Keeper(client), public)
	}
	const many = 6
	keys := make([]string, many)
	publics := make([]string, many)
	var all sync.WaitGroup
	for n := range many {
		client := s.open(t)
		publics[n] = filepath.Join(t.TempDir(), "trail.pub")
		all.Go(func() {
			key, err := load(client, publics[n])
			if err != nil {
				t.Error(err)
				return
			}
			keys[n] = key.VerifierKey()
		})
	}
	all.Wait()
	client := s.open(t)
	later, err := load(client, publics[0])
	if err != nil {
		t.Fatal(err)
	}
	for n, key := range keys {
		if key != later.VerifierKey() {
			t.Errorf("the key of %d is %s, that of who came later %s", n, key, later.VerifierKey())
		}
	}
	if version := s.keyVersion(t); version != "1" {
		t.Errorf("the key was written %s times", version)
	}
	s.keyIsSafe(t, s.sluice(t))
	if again, err := load(client, publics[1]); err != nil || again.VerifierKey() != later.VerifierKey() {
		t.Errorf("after all that: %v", err)
	}
}

// keyIsSafe tries what Sluice's token may not do with the key and beside it.
func (s *Stage) keyIsSafe(t *testing.T, sluice *vaultserver.Client) {
	t.Helper()
	body := func(options map[string]any) map[string]any {
		return map[string]any{"data": map[string]any{"key": "x"}, "options": options}
	}
	for _, options := range []map[string]any{nil, {"cas": 0}, {"cas": 1}} {
		sluice.Refused(t, http.MethodPut, keyPath, body(options))
		sluice.Refused(t, http.MethodPut, "secret/data/sluice/other", body(options))
		sluice.Refused(t, http.MethodPut, "secret/data/sluice/trail/below", body(options))
	}
	sluice.Refused(t, http.MethodDelete, keyPath, nil)
	for _, path := range []string{"secret/delete/sluice/trail", "secret/destroy/sluice/trail", "secret/undelete/sluice/trail"} {
		sluice.Refused(t, http.MethodPut, path, map[string]any{"versions": []int{1}})
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete, "LIST"} {
		sluice.Refused(t, method, "secret/metadata/sluice/trail", nil)
		sluice.Refused(t, method, "secret/metadata/sluice", nil)
	}
	_, token := s.issue(t, sluice, "shop-read", "anna")
	token.Refused(t, http.MethodGet, keyPath, nil)
}

// keyVersion is the number of the key's latest version.
func (s *Stage) keyVersion(t *testing.T) string {
	t.Helper()
	metadata, _ := s.Vault.Root().Read(t, keyPath).Data["metadata"].(map[string]any)
	return fmt.Sprint(metadata["version"])
}

// What is in the way of the key at a real Vault has words of its own.
func TestTrailKeyIsNotToBeHad(t *testing.T) {
	s := New(t, 15)
	s.Vault.Mine(t, "seal and change a policy of")
	client := s.open(t)
	place := vault.Place{Mount: "secret", Path: "sluice/trail", Field: "key"}
	root := s.Vault.Root()
	expect := func(place vault.Place, want string) {
		t.Helper()
		_, err := client.ReadKept(t.Context(), place)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q in it", place, err, want)
		}
	}
	expect(place, "there is nothing: file does not exist")
	root.Write(t, keyPath, map[string]any{"data": map[string]any{"other": "hunter2"}})
	expect(place, `the secret is there and has no field "key"`)
	root.Write(t, keyPath, map[string]any{"data": map[string]any{"key": []string{"hunter2"}}})
	expect(place, `the field "key" is not text`)
	root.Delete(t, keyPath)
	expect(place, "its latest version, 2, is deleted; vault kv undelete brings it back")
	root.Write(t, "secret/destroy/sluice/trail", map[string]any{"versions": []int{2}})
	expect(place, "its latest version, 2, is destroyed")
	elsewhere := vault.Place{Mount: "secret", Path: "other", Field: "key"}
	expect(elsewhere, "it takes the right read on secret/data/other")
	policy := `path "*" { capabilities = ["read", "create", "update"] }`
	s.Vault.WritePolicy(t, "sluice", policy)
	expect(vault.Place{Mount: "nowhere", Path: "sluice/trail", Field: "key"}, "nothing is mounted there; is the mount right?")
	s.Vault.EnableEngine(t, "old", "kv", map[string]string{"version": "1"})
	root.Write(t, "old/data/sluice/trail", map[string]any{"key": "hunter2"})
	expect(vault.Place{Mount: "old", Path: "sluice/trail", Field: "key"}, "old is not KV version 2")
	s.Vault.Seal(t)
	expect(place, "Vault is sealed")
	s.Vault.Unseal(t)
	expect(place, "is destroyed")
}

// setup says so where secret/ cannot keep the key, and leaves it as it is.
func TestSetUpWithAnotherEngineThere(t *testing.T) {
	s := &Stage{Vault: vaultserver.Start(t), dir: t.TempDir()}
	s.Vault.Mine(t, "mount another engine at secret/ of")
	s.Folder = filepath.Join(s.dir, "vault")
	s.Vault.EnableEngine(t, "secret", "kv", map[string]string{"version": "1"})
	out, err := s.trySetUp(t, nil)
	if err == nil || !strings.Contains(out, "secret/ is not KV version 2") {
		t.Errorf("%v\n%s", err, out)
	}
	options, _ := s.Vault.Root().Read(t, "sys/mounts/secret").Data["options"].(map[string]any)
	if options["version"] != "1" {
		t.Errorf("the engine is changed: %v", options)
	}
}
