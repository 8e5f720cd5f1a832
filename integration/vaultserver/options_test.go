package vaultserver

import (
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// The program says what is wrong with its flags, and ends.
func TestFlags(t *testing.T) {
	program, err := Build(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	dir := t.TempDir()
	for args, says := range map[string]string{
		"":                                   "-data is missing",
		"-data DIR/a b":                      "no arguments",
		"-data DIR/a -tls-cert x":            "go together",
		"-data DIR/a -tls-port 1":            "-tls-port needs",
		"-data DIR/a -what":                  "flag provided but not defined: -what",
		"-data DIR/a -port " + port:          "address already in use",
		"-data DIR/a -tls-cert x -tls-key y": "certificate: open x",
	} {
		out, err := exec.CommandContext(t.Context(), program, strings.Fields(strings.ReplaceAll(args, "DIR", dir))...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), says) {
			t.Errorf("vault %s: %v\n%s\nwant %q", args, err, out, says)
		}
	}
}
