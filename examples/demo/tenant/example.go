package tenant

import (
	"fmt"
	"regexp"
	"strings"

	example "github.com/sluice-pg/sluice/examples/vault"
)

// What the example's policy for Sluice has beyond leases begins like this. The
// demo has no use for it, and in somebody's Vault there may be such secrets.
const beyond = "\n# What has no lease:"

// foreign is a path, in an example's policy, of a mount that is not the demo's.
var foreign = regexp.MustCompile(`"(database|secret)/|revoke/(database|secret)/`)

// read is a file of the example.
func read(name string) (string, error) {
	text, err := example.Files.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("the example of Vault: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// policyFor is a policy of the example, for an engine and policies with another
// name.
func policyFor(name, file string) (string, error) {
	text, err := read("policies/" + file + ".hcl")
	if err != nil {
		return "", err
	}
	text, _, _ = strings.Cut(text, beyond)
	text = strings.NewReplacer("database/creds/", name+"/creds/", `"sluice-session"`, `"`+name+`-session"`).Replace(text)
	if found := foreign.FindString(text); found != "" {
		return "", fmt.Errorf("the example's policy %s would let the demo reach %s, which is not its own", file, found)
	}
	return text, nil
}

// statement is SQL of the example, with these roles in it.
func statement(file, group, heir string) (string, error) {
	text, err := read("sql/" + file + ".sql")
	return strings.NewReplacer("@GROUP@", group, "@HEIR@", heir).Replace(text), err
}
