package leases

import (
	"fmt"
	"os"
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

// What a kill -9 leaves in Vault, the README's commands remove.
func (s *demoStage) killedOutright(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "After a `kill\n-9` you do")
	_, rest, _ = strings.Cut(rest, "```sh\n")
	commands, _, is := strings.Cut(rest, "```\n")
	if !is {
		t.Fatal("the README has no commands after a kill -9")
	}
	d := s.start(t)
	d.until(t, "Ctrl-C ends Sluice")
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait() // it was killed
	await(t, "the demo's servers to be gone", func() bool {
		files, err := os.ReadDir(d.folder)
		return err == nil && len(files) == 0
	})
	for name := range s.vault.Root().Read(t, "sys/mounts").Data {
		if strings.HasPrefix(name, "sluice-demo-") {
			for line := range strings.Lines(strings.ReplaceAll(commands, "NAME", strings.TrimSuffix(name, "/"))) {
				s.typed(t, strings.TrimSpace(line))
			}
		}
	}
	s.nothingLeft(t, d)
}

// asks is a command within another that reads a field.
var asks = regexp.MustCompile(`\$\(vault read -field=(\S+) ([^\s)]+)\)`)

// typed does what a command line of Vault's does.
func (s *demoStage) typed(t *testing.T, line string) {
	t.Helper()
	root := s.vault.Root()
	line = asks.ReplaceAllStringFunc(line, func(command string) string {
		words := asks.FindStringSubmatch(command)
		return fmt.Sprint(root.Read(t, words[2]).Data[words[1]])
	})
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
