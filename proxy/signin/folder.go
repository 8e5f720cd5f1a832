package signin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// Folder is where the files are, such as $XDG_CONFIG_HOME/sluice/login.
type Folder string

// DefaultFolder is below the person's folder for configuration.
func DefaultFolder() (Folder, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("folder of the login: %w", err)
	}
	return OpenFolder(filepath.Join(dir, "sluice", "login"))
}

// OpenFolder is a folder of the person's choice. Its path stands in the service
// file, and psql may be started anywhere.
func OpenFolder(path string) (Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("folder of the login: %w", err)
	}
	if strings.ContainsAny(path, "\n\r\x00") {
		return "", errors.New("the folder's path cannot stand in a service file")
	}
	return Folder(path), nil
}

// Entry is a way to a database through Sluice.
type Entry struct {
	// Name is that of the service entry.
	Name string
	// Host, Port, Database and User are what the client connects with.
	Host, Port, Database, User string
	// RootCert is what proves the proxy to the client (sslrootcert): a file,
	// or system.
	RootCert string
}

// serviceName is what can stand in brackets and in a file's name.
var serviceName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)

// Check reports what cannot stand in the files.
func (e Entry) Check() error {
	if !serviceName.MatchString(e.Name) {
		return fmt.Errorf("%q is no name for a service: letters, digits, _, - and . are", e.Name)
	}
	for what, value := range map[string]string{"host": e.Host, "port": e.Port, "database": e.Database, "user": e.User, "sslrootcert": e.RootCert} {
		if value == "" {
			return fmt.Errorf("the %s is missing", what)
		}
		if strings.ContainsAny(value, "\n\r\x00") || value != strings.TrimSpace(value) {
			return fmt.Errorf("the %s cannot stand in a service file", what)
		}
	}
	if strings.ContainsAny(e.Host, "/@,") {
		return errors.New("the host is one name or address: a socket has no TLS, and a passfile's line is for one host")
	}
	return nil
}

// ServiceFile is the file for PGSERVICEFILE.
func (f Folder) ServiceFile() string { return filepath.Join(string(f), "pg_service.conf") }

func (f Folder) passFile(name string) string { return filepath.Join(string(f), name+".pgpass") }

// Save writes the entry and its token. Other entries of the service file stay
// as they are.
func (f Folder) Save(e Entry, token string) error {
	if err := errors.Join(e.Check(), checkToken(token)); err != nil {
		return err
	}
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("folder of the login: %w", err)
	}
	unlock, err := f.enter()
	if err != nil {
		return err
	}
	defer unlock()
	line := strings.Join([]string{escape(e.Host), escape(e.Port), escape(e.Database), escape(e.User), escape(token)}, ":")
	if err := identity.WriteAtomically(f.passFile(e.Name), line+"\n", nil); err != nil {
		return fmt.Errorf("passfile: %w", err)
	}
	old, err := os.ReadFile(f.ServiceFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("service file: %w", err)
	}
	if err := identity.WriteAtomically(f.ServiceFile(), withSection(string(old), e.Name, f.section(e)), nil); err != nil {
		return fmt.Errorf("service file: %w", err)
	}
	return nil
}

// enter makes sure that the folder is ours alone and tidy. Others wait until
// unlock.
func (f Folder) enter() (unlock func(), err error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("folder of the login: %w", err)
	}
	if unlock, err = identity.LockFolder(string(f)); err != nil {
		return nil, fmt.Errorf("folder of the login: %w", err)
	}
	if err := f.tidy(time.Now()); err != nil {
		unlock()
		return nil, fmt.Errorf("folder of the login: %w", err)
	}
	return unlock, nil
}

// Has reports whether an entry was saved whose token has not expired.
func (f Folder) Has(name string) bool {
	unlock, err := f.enter()
	if err != nil {
		return false
	}
	defer unlock()
	_, err = os.Stat(f.passFile(name))
	return serviceName.MatchString(name) && err == nil
}

func (f Folder) section(e Entry) string {
	return fmt.Sprintf("[%s]\nhost=%s\nport=%s\ndbname=%s\nuser=%s\nsslmode=verify-full\nsslrootcert=%s\npassfile=%s\n",
		e.Name, e.Host, e.Port, e.Database, e.User, e.RootCert, f.passFile(e.Name))
}

// withSection puts a section into a service file, in the place of the one of
// that name or at the end.
func withSection(old, name, section string) string {
	var out strings.Builder
	inside, done := false, false
	for line := range strings.Lines(old) {
		// What libpq takes for the beginning of one: white space before it and
		// anything behind it are nothing to it.
		if start := strings.TrimLeft(line, " \t\r\v\f"); strings.HasPrefix(start, "[") {
			inside = strings.HasPrefix(start, "["+name+"]")
			if inside && !done {
				out.WriteString(section)
				done = true
			}
		}
		if !inside {
			out.WriteString(line)
		}
	}
	if !done {
		if text := out.String(); text != "" && !strings.HasSuffix(text, "\n") {
			out.WriteString("\n")
		}
		out.WriteString(section)
	}
	return out.String()
}

// escape writes a field of a passfile (PostgreSQL documentation, section "The
// Password File").
func escape(field string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(field)
}
