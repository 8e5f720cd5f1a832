package house

import (
	"strings"
	"testing"
)

const parser = "github.com/pganalyze/pg_query_go"

// dependencies lists packages with all they import, tests left out.
func dependencies(t *testing.T, packages ...string) []string {
	t.Helper()
	return goList(t, append([]string{"-deps"}, packages...)...)
}

func within(pkg, folder string) bool {
	return pkg == folder || strings.HasPrefix(pkg, folder+"/")
}

func TestAuditIsALeaf(t *testing.T) {
	for _, pkg := range dependencies(t, "./audit/...", "./cmd/sluice-verify") {
		switch {
		case strings.HasPrefix(pkg, parser):
			t.Errorf("the trail depends on the parser: %s", pkg)
		case within(pkg, module) && !within(pkg, module+"/audit") && pkg != module+"/cmd/sluice-verify":
			t.Errorf("the trail depends on %s", pkg)
		}
	}
}

func TestNothingBelowKnowsTheProxy(t *testing.T) {
	for _, pkg := range dependencies(t, "./policy/...", "./audit/...") {
		if within(pkg, module+"/proxy") {
			t.Errorf("something under policy or audit depends on %s", pkg)
		}
	}
}

func TestLeaves(t *testing.T) {
	for _, leaf := range []string{"policy/statement", "policy/script", "policy/strictyaml", "policy/mask", "policy/classify", "proxy/wire", "proxy/identity", "proxy/credential"} {
		for _, pkg := range dependencies(t, "./"+leaf) {
			if within(pkg, module) && pkg != module+"/"+leaf {
				t.Errorf("%s is a leaf, but depends on %s", leaf, pkg)
			}
		}
	}
}

// Vault's issuer knows the words of package credential and nothing else of ours,
// and nothing that is built into the program knows the fake.
func TestVaultKnowsOnlyCredential(t *testing.T) {
	for _, pkg := range dependencies(t, "./proxy/credential/vault") {
		if within(pkg, module) && pkg != module+"/proxy/credential" && pkg != module+"/proxy/credential/vault" {
			t.Errorf("proxy/credential/vault depends on %s", pkg)
		}
	}
	for _, pkg := range dependencies(t, "./cmd/...") {
		if pkg == module+"/proxy/credential/vault/vaulttest" {
			t.Errorf("a program depends on %s", pkg)
		}
	}
}

// The decision is a function of its input: nothing it is made of can open a
// socket. (That it asks no clock and no file is for its own package to show.)
func TestPolicyOpensNoSocket(t *testing.T) {
	for _, pkg := range dependencies(t, "./policy", "./policy/check", "./policy/mask", "./policy/classify", "./policy/inventory", "./policy/destination") {
		if pkg == "net" || pkg == "net/http" || pkg == "crypto/tls" || pkg == "database/sql" {
			t.Errorf("policy depends on %s", pkg)
		}
	}
}

func TestOnlyStatementKnowsTheParser(t *testing.T) {
	const form = `{{.ImportPath}}:{{join .Imports ","}},{{join .TestImports ","}},{{join .XTestImports ","}}`
	importers := 0
	for _, line := range goList(t, "-f", form, "./...") {
		pkg, imports, _ := strings.Cut(line, ":")
		if !strings.Contains(imports, parser) {
			continue
		}
		importers++
		if pkg != module+"/policy/statement" {
			t.Errorf("%s imports the parser", pkg)
		}
	}
	if importers == 0 {
		t.Error("nothing imports the parser: this test looks for the wrong name")
	}
}

func TestTrailBuildsWithoutC(t *testing.T) {
	if _, err := runWith([]string{"CGO_ENABLED=0"}, "go", "build", "-o", t.TempDir()+"/", "./audit/...", "./cmd/sluice-verify"); err != nil {
		t.Error(err)
	}
}
