package leases

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// What cannot be removed is named with the commands that remove it, and these do.
func (s *demoStage) leftBehind(t *testing.T) {
	d := s.start(t, "--script")
	d.until(t, "2. December 2019")
	s.vault.Seal(t)
	d.interrupt(t)
	if code := d.wait(t); code == 0 || !strings.Contains(d.String(), "interrupted") {
		t.Errorf("exit code %d\n%s", code, d.String())
	}
	s.vault.Unseal(t)
	commands := regexp.MustCompile(`(?m)^  (vault .*)$`).FindAllStringSubmatch(d.String(), -1)
	if len(commands) != 5 {
		t.Fatalf("%d commands are named, want 5\n%s", len(commands), d.String())
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
