package harness

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// Target is one way to one database.
type Target struct {
	// Name tells in messages which way it is.
	Name string
	// Host and Port are where to connect.
	Host string
	Port int
	// User, Password and Database are what to say there.
	User, Password, Database string
	// CAFile is the certificate authority to trust.
	CAFile string
	// SSLMode is libpq's sslmode.
	SSLMode string
}

// In returns the way to another database.
func (t Target) In(database string) Target {
	t.Database = database
	return t
}

// WithSSLMode returns the same way with another sslmode.
func (t Target) WithSSLMode(mode string) Target {
	t.SSLMode = mode
	return t
}

// URL is the connection string for libpq and for drivers that read the same.
func (t Target) URL() string {
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(t.User, t.Password),
		Host:   net.JoinHostPort(t.Host, strconv.Itoa(t.Port)),
		Path:   "/" + t.Database,
	}
	q := url.Values{"sslmode": {t.SSLMode}}
	if t.SSLMode != "disable" {
		q.Set("sslrootcert", t.CAFile)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Env is the same as environment variables, for libpq's programs and for the
// scripts of this suite.
func (t Target) Env() []string {
	return []string{
		"PGHOST=" + t.Host,
		fmt.Sprintf("PGPORT=%d", t.Port),
		"PGUSER=" + t.User,
		"PGPASSWORD=" + t.Password,
		"PGDATABASE=" + t.Database,
		"PGSSLMODE=" + t.SSLMode,
		"PGSSLROOTCERT=" + t.CAFile,
		"PGCONNECT_TIMEOUT=20",
	}
}
