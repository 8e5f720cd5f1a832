package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// sluiceConfig has everything on that is on in production. Only the upstream
// is without TLS, because PgBouncer's is.
const sluiceConfig = `listen:
  - address: 127.0.0.1:%[1]d
    tls: {cert: %[2]q, key: %[3]q}
    plaintext: loopback
users: users.scram
auth:
  - {databases: [all], users: [all], addresses: [all], method: scram-sha-256}
policy: policy.yaml
trail: {dir: trail}
limits: {connections: %[4]d, drain: 5s}
instance: %[5]s
%[10]sdatabases:
  - name: %[6]s
    upstream: {host: 127.0.0.1, port: %[7]d, tls: {mode: disable}}
    credential:
      builtin: {admin: %[8]q, group: %[9]s, ttl: 8h}
`

// sluice prepares the way through one build of Sluice under one policy.
func (s *stage) sluice(b build, policy string) (*way, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	name := b.name
	if policy != "" {
		name += policyMark + policy
	}
	dir := filepath.Join(s.dir, "sluice-"+name)
	if err := s.sluiceFiles(dir, name, policy, port); err != nil {
		return nil, fmt.Errorf("files of Sluice: %w", err)
	}
	launch := func(ctx context.Context) (*process, error) {
		cmd := exec.Command(b.path, "serve", "--config", filepath.Join(dir, "sluice.yaml"))
		cmd.Dir, cmd.SysProcAttr = dir, attributes()
		return startProcess(ctx, cmd, port, filepath.Join(dir, "log"))
	}
	return &way{name: name, port: port, launch: launch, version: revision(b.path), sluice: true, policy: policy}, nil
}

func (s *stage) sluiceFiles(dir, name, policy string, port int) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	cert, key, err := s.server.Issue(instance(name), "localhost", "localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	admin := fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=postgres sslmode=disable passfile=%s",
		s.server.Port(), s.server.Superuser(), filepath.Join(dir, "admin.pgpass"))
	keys := ""
	if policy != "" {
		keys = maskKeys
	}
	config := fmt.Sprintf(sluiceConfig, port, cert, key, s.options.sizes.idle+100, instance(name), database, s.server.Port(), admin, group, keys)
	files := map[string]string{
		"policy.yaml":  policyText(policy),
		maskKeyFile:    newMaskKey(),
		"sluice.yaml":  config,
		"admin.pgpass": fmt.Sprintf("*:*:*:%s:%s\n", s.server.Superuser(), s.server.Password()),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	// The client must hash as often for every way: PostgreSQL's own number.
	return identity.AddUser(filepath.Join(dir, "users.scram"), person, []byte(password), identity.MinIterations)
}

// instance is what a Sluice calls itself in the names of its roles.
func instance(name string) string { return "bench-" + strings.ReplaceAll(name, policyMark, "_") }

// revision says which source a program was built from, as far as it knows.
func revision(path string) string {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "unknown source"
	}
	known := map[string]string{}
	for _, s := range info.Settings {
		known[s.Key] = s.Value
	}
	text := info.GoVersion
	if commit := known["vcs.revision"]; commit != "" {
		text += ", commit " + commit[:min(12, len(commit))]
	}
	if known["vcs.modified"] == "true" {
		text += " with changes"
	}
	return text
}
