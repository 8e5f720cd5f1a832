package leases

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/vaultserver"
)

// demoRights is a policy in Vault with what the demo says it needs, and no more.
const demoRights = "testdata/demo-rights.hcl"

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
		t.Errorf("Vault is not as it was (-before +after)\n%s\n%s", diff, d.String())
	}
	if found := find(s.secrets(), d.String()); found != nil {
		t.Errorf("the demo has printed %v\n%s", found, d.String())
	}
	if files, err := os.ReadDir(d.folder); err != nil || len(files) > 0 {
		t.Errorf("the demo left %v in its folder: %v", files, err)
	}
}

// secrets are what must not be seen: what passed through the tap, and the token.
func (s *demoStage) secrets() map[string]string {
	secrets := s.tap.known()
	secrets[s.token] = "VAULT_TOKEN"
	return secrets
}

// manySecrets fails the test if a session's secrets are not among those that are
// looked for.
func (s *demoStage) manySecrets(t *testing.T) {
	t.Helper()
	kinds := map[string]int{}
	for _, what := range s.secrets() {
		kinds[what]++
	}
	if kinds["client_token"] == 0 || kinds["password"] < 2 || kinds["secret_id"] == 0 {
		t.Fatalf("the secrets that are looked for are %v: too few to mean anything", kinds)
	}
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
