package pgserver

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// randomPassword returns 26 random characters, more than 128 bits.
func randomPassword() string { return rand.Text() }

// settings are postgresql.conf's lines for this server: quick because its data
// is thrown away, quiet on the network, and telling in its log.
func (s *Server) settings() map[string]string {
	set := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(s.port),
		"unix_socket_directories": s.Socket,
		"fsync":                   "off",
		"full_page_writes":        "off",
		"synchronous_commit":      "off",
		"max_wal_size":            "256MB",
		"shared_buffers":          "32MB",
		"max_connections":         "100",
		"password_encryption":     "scram-sha-256",
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"log_line_prefix":         "%m [%p] %u@%d %a: ",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		// In the data folder, so that a killed server leaves nothing elsewhere.
		"dynamic_shared_memory_type": "mmap",
	}
	if s.CAFile != "" {
		set["ssl"] = "on"
		set["ssl_cert_file"] = filepath.Join(s.dir, "tls", "server.pem")
		set["ssl_key_file"] = filepath.Join(s.dir, "tls", "server.key")
		set["ssl_ca_file"] = s.CAFile
	}
	maps.Copy(set, s.options.Config)
	return set
}

func (s *Server) writeConfig() error {
	var b strings.Builder
	set := s.settings()
	for _, name := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(set[name], "'", "''"))
	}
	return s.writeOwned(filepath.Join(s.dataDir(), "postgresql.conf"), b.String())
}

func (s *Server) writeHBA(lines []string) error {
	first := fmt.Sprintf("local all %s trust", quoteHBA(s.options.Superuser))
	text := first + "\n" + strings.Join(lines, "\n") + "\n"
	return s.writeOwned(filepath.Join(s.dataDir(), "pg_hba.conf"), text)
}

func quoteHBA(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// writeOwned writes a file that only the server's account can read.
func (s *Server) writeOwned(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("sluice: write a server file: %w", err)
	}
	if err := s.account.own(path); err != nil {
		return fmt.Errorf("sluice: hand a file to the server: %w", err)
	}
	return nil
}

// writeCertificates makes an authority and the server's certificate in the
// folder tls.
func (s *Server) writeCertificates() error {
	dir := filepath.Join(s.dir, "tls")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("sluice: folder for certificates: %w", err)
	}
	authority, err := NewAuthority(dir, "Sluice throw-away authority")
	if err != nil {
		return err
	}
	_, key, err := authority.Issue("server", "localhost", "localhost", "127.0.0.1", "::1")
	if err != nil {
		return err
	}
	if err := s.account.own(key); err != nil {
		return fmt.Errorf("sluice: hand the key to the server: %w", err)
	}
	s.CAFile = authority.CertFile()
	s.authority = authority
	return nil
}
