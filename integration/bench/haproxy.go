package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// haproxyConfig forwards bytes and looks at nothing. TLS goes through to the
// server, so its cost is not in HAProxy's processor time.
const haproxyConfig = `global
  maxconn %[3]d
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen bench
  bind 127.0.0.1:%[1]d
  server postgres 127.0.0.1:%[2]d
`

// haproxy prepares the way through HAProxy as a TCP balancer, with as many
// threads as it takes by itself: one per core.
func (s *stage) haproxy() (*way, error) {
	program, err := findProgram("haproxy")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "haproxy.cfg")
	config := fmt.Sprintf(haproxyConfig, port, s.server.Port(), s.options.sizes.idle+100)
	if err := s.owner.write(file, []byte(config)); err != nil {
		return nil, fmt.Errorf("configuration of HAProxy: %w", err)
	}
	launch := func(ctx context.Context) (*process, error) {
		cmd := exec.Command(program, "-db", "-f", file)
		cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", []string{"LC_ALL=C"}, s.owner.attributes()
		return startProcess(ctx, cmd, port, filepath.Join(s.dir, "haproxy.log"))
	}
	return &way{name: wayHAProxy, port: port, launch: launch, version: programVersion(context.Background(), program, "-v")}, nil
}
