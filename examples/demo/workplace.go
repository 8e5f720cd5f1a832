package demo

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"text/template"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/proxy/identity"
)

//go:embed policy.yaml.tmpl
var policyTemplate string

// user is who works with the shop's database in the demo.
const user = "alice"

// group is the role that sessions work as.
const group = "shop_app"

// usualPort is where the demo listens if nobody else does.
const usualPort = "127.0.0.1:6432"

// ProxySetup is what Sluice needs to know to stand in front of shop.
type ProxySetup struct {
	// Dir is a folder for Sluice's own files; only the caller may enter it.
	Dir string
	// Listen is the address to listen at, host:port; port 0 takes a free
	// one.
	Listen string
	// Database is the name that clients ask for and that the server uses.
	Database string
	// Host and Port are the server's; its certificate is valid for Host and
	// signed by the authority in CAFile.
	Host   string
	Port   int
	CAFile string
	// AdminDSN is a keyword/value connection string of a superuser. The
	// password is in the passfile that it names.
	AdminDSN string
	// Group is the role that short-lived logins become members of.
	Group string
	// Users is the file of SCRAM verifiers with the demo's one user.
	Users string
	// Policy is the policy document.
	Policy string
	// MaskKey is the file with the key of pseudonyms.
	MaskKey string
	// TrailDir is where the trail is to be; it does not exist yet.
	TrailDir string
	// Destinations are the places that copies are carried to.
	Destinations []DestinationSetup
	// Vault issues the credentials if it is there; AdminDSN and Group are empty
	// then.
	Vault *VaultSetup
}

// workplace is the demo's folder.
type workplace struct {
	dir      string // everything
	servers  string // the servers' folders
	outside  string // what clients and programs write; open to everybody
	password string // the user's
	// dsns are the connection strings of people other than the user.
	dsns  map[person]string
	setup ProxySetup
}

// makeWorkplace makes the demo's folder. The user postgres must be able to
// pass through it, so passwords lie one level deeper.
func makeWorkplace() (*workplace, error) {
	dir, err := os.MkdirTemp("", "sluice-demo-")
	if err != nil {
		return nil, fmt.Errorf("folder for the demo: %w", err)
	}
	w := &workplace{dir: dir, servers: filepath.Join(dir, "servers"), outside: filepath.Join(dir, "outside"), password: rand.Text()}
	w.setup.Dir = filepath.Join(dir, "sluice")
	errs := []error{os.Chmod(dir, 0o711)}
	for name, mode := range map[string]os.FileMode{w.servers: 0o711, w.outside: 0o777 | os.ModeSticky, w.setup.Dir: 0o700} {
		errs = append(errs, os.Mkdir(name, 0o700), os.Chmod(name, mode)) // Chmod: the umask is not asked
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(fmt.Errorf("folder for the demo: %w", err), os.RemoveAll(dir))
	}
	return w, nil
}

// furnish writes the files that Sluice reads.
func (w *workplace) furnish(s *Servers) error {
	in := func(name string) string { return filepath.Join(w.setup.Dir, name) }
	w.setup.Database = "shop"
	w.setup.Host, w.setup.Port, w.setup.CAFile = pgserver.Host, s.Shop.Port(), s.Shop.CAFile
	w.setup.Users, w.setup.Policy, w.setup.TrailDir = in("users.scram"), in("policy.yaml"), in("trail")
	w.setup.MaskKey = in("mask.key")
	w.setup.Listen = freeAddress()
	policy, err := policyFor(s.Analytics.Port(), s.Analytics.CAFile, s.Sandbox.Port())
	if err != nil {
		return err
	}
	if err := errors.Join(
		os.WriteFile(w.setup.Policy, policy, 0o600),
		os.WriteFile(w.setup.MaskKey, maskKey(), 0o600),
		identity.AddUser(w.setup.Users, user, []byte(w.password), 0),
	); err != nil {
		return fmt.Errorf("files for Sluice: %w", err)
	}
	return nil
}

// scene is where the story is played.
func (w *workplace) scene(s *Servers) scene {
	return scene{sandbox: sandboxDSN(s), outside: w.outside, trail: w.setup.TrailDir, hba: filepath.Join(s.Analytics.Dir(), "data", "pg_hba.conf")}
}

// issueItself lets Sluice make logins by itself, as a superuser.
func (w *workplace) issueItself(s *Servers) error {
	passfile := filepath.Join(w.setup.Dir, "admin.pgpass")
	w.setup.Group = group
	w.setup.AdminDSN = fmt.Sprintf("host=%s port=%d dbname=shop user=%s passfile=%s sslmode=verify-full sslrootcert=%s",
		pgserver.Host, s.Shop.Port(), s.Shop.Superuser(), passfile, s.Shop.CAFile)
	admin := passLine(s.Shop.Addr(), "*", s.Shop.Superuser(), s.Shop.Password())
	if err := os.WriteFile(passfile, admin, 0o600); err != nil {
		return fmt.Errorf("files for Sluice: %w", err)
	}
	return nil
}

// policyFor fills the places of this run into the demo's policy.
func policyFor(analyticsPort int, analyticsCA string, sandboxPort int) ([]byte, error) {
	t, err := template.New("policy.yaml").Parse(policyTemplate)
	if err != nil {
		return nil, fmt.Errorf("the demo's policy: %w", err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"AnalyticsPort": analyticsPort, "AnalyticsCA": fmt.Sprintf("%q", analyticsCA), "SandboxPort": sandboxPort,
	})
	if err != nil {
		return nil, fmt.Errorf("the demo's policy: %w", err)
	}
	return b.Bytes(), nil
}

// maskKey is a new key of pseudonyms, as openssl rand -hex 32 writes it.
func maskKey() []byte {
	var key [32]byte
	rand.Read(key[:]) // it never fails
	return fmt.Appendf(nil, "%x\n", key)
}

// passLine is one line of a password file (PostgreSQL's documentation, "The
// Password File"). The passwords here have no character that needs quoting.
func passLine(address, database, user, password string) []byte {
	return fmt.Appendf(nil, "%s:%s:%s:%s\n", address, database, user, password)
}

// psqlTo writes the user's password file for an address, and a service file for
// the other programs that the story runs. It returns the connection string that
// psql takes.
func (w *workplace) psqlTo(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("the proxy's address: %w", err)
	}
	passfile := filepath.Join(w.setup.Dir, user+".pgpass")
	if err := os.WriteFile(passfile, passLine(address, w.setup.Database, user, w.password), 0o600); err != nil {
		return "", fmt.Errorf("password file for %s: %w", user, err)
	}
	service := fmt.Sprintf("[shop]\nhost=%s\nport=%s\ndbname=%s\nuser=%s\npassfile=%s\n", host, port, w.setup.Database, user, passfile)
	if err := os.WriteFile(w.serviceFile(), []byte(service), 0o600); err != nil {
		return "", fmt.Errorf("service file for %s: %w", user, err)
	}
	return fmt.Sprintf("host=%s port=%s dbname=%s user=%s passfile=%s", host, port, w.setup.Database, user, passfile), nil
}

// serviceFile names the proxy for libpq: the service shop (PostgreSQL's
// documentation, "The Connection Service File").
func (w *workplace) serviceFile() string { return filepath.Join(w.setup.Dir, "pg_service.conf") }

// freeAddress is the usual address if it is free.
func freeAddress() string {
	l, err := net.Listen("tcp", usualPort)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return usualPort
}
