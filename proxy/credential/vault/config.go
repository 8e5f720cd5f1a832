package vault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

const (
	defaultTimeout = 10 * time.Second
	// AppRole, Kubernetes and JWT are mounted where Vault's documentation
	// mounts them unless the configuration says otherwise.
	defaultAppRole    = "approle"
	defaultKubernetes = "kubernetes"
	defaultJWT        = "jwt"
	// defaultKubernetesToken is where Kubernetes puts a pod's token.
	defaultKubernetesToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"
)

// Config says where Vault is and how to log in there. VAULT_ variables of the
// environment have no influence, and no HTTP proxy is used.
type Config struct {
	// Address is the URL of Vault. It is https; http is taken for the
	// loopback only. It must lead to the active Vault: a redirect is not
	// followed, because the token would go where somebody else says.
	Address string
	// CA is a PEM file with the authorities that Vault's certificate may come
	// from; empty means those of the system.
	CA string
	// ServerName is the name in Vault's certificate; empty means the host of
	// Address.
	ServerName string
	// Namespace is sent with each call; for Vault Enterprise and OpenBao.
	Namespace string
	// Auth has exactly one way to log in.
	Auth Auth
	// SessionPolicies are the policies of the token that is made for each lease;
	// they have to let it read the role's creds and renew itself. Empty means
	// that it has those of the login token.
	SessionPolicies []string
	// Journal is the path of the file that outlives the process. It is made if
	// it does not exist, with mode 0600; beside it a lock.
	Journal string
	// Timeout is what one call may take; 0 means ten seconds.
	Timeout time.Duration
	// Log is told what nobody waits for; nil means nobody is told.
	Log *slog.Logger
	// Now tells the time; nil means time.Now. It has to carry a monotonic
	// reading.
	Now func() time.Time

	// transport takes the place of the network in tests.
	transport http.RoundTripper
}

// Auth is how to log in; exactly one of its fields is set.
type Auth struct {
	AppRole    *AppRole
	Kubernetes *TokenLogin
	JWT        *TokenLogin
	// TokenFile holds a token that somebody else looks after, such as Vault's
	// agent. It is looked at every five seconds. The token is renewed but never
	// revoked, because it is not ours.
	TokenFile string
}

// AppRole logs in with a role id and a secret id.
type AppRole struct {
	// Mount is where the method is mounted; empty means "approle".
	Mount string
	// RoleID is given here or in a file.
	RoleID, RoleIDFile string
	// SecretIDFile is read anew for each login; empty if the role needs none
	// (bind_secret_id=false).
	SecretIDFile string
}

// TokenLogin logs in with a token of somebody else: a Kubernetes service
// account, a JWT of an issuer that Vault trusts.
type TokenLogin struct {
	// Mount is where the method is mounted; empty means the method's name.
	Mount string
	// Role is the role of the login method.
	Role string
	// TokenFile holds the token and is read anew for each login. For Kubernetes
	// it may be empty, which means the pod's service account.
	TokenFile string
}

// Validate says everything that is wrong with the configuration.
func (c *Config) Validate() error {
	err := c.Check()
	if c.CA != "" {
		_, unread := c.authorities()
		err = errors.Join(err, wrap("configuration", unread))
	}
	return err
}

// Check is Validate without a look into files.
func (c *Config) Check() error {
	problems := []error{c.checkAddress(), c.Auth.check(), checkMounts(c)}
	if c.Journal == "" {
		problems = append(problems, errors.New("no journal is named; without it nothing could be revoked after a crash"))
	}
	for _, policy := range c.SessionPolicies {
		problems = append(problems, checkPath("policy", policy))
	}
	if c.Timeout < 0 {
		problems = append(problems, fmt.Errorf("the timeout %s is negative", c.Timeout))
	}
	if strings.ContainsFunc(c.Namespace, func(r rune) bool { return r <= ' ' || r > '~' }) {
		problems = append(problems, errors.New("the namespace must be printable ASCII without spaces"))
	}
	return wrap("configuration", errors.Join(problems...))
}

func (c *Config) checkAddress() error {
	u, err := url.Parse(c.Address)
	switch {
	case c.Address == "":
		return errors.New("no address is given")
	case err != nil:
		// The error would quote what may hold a password.
		return errors.New("the address is no URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("the address must begin with https://")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return errors.New("the address must be scheme, host and port, and nothing else")
	case u.Hostname() == "":
		return errors.New("the address names no host")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("the address %s is not encrypted; use https, as http is for the loopback only", u.Host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (a *Auth) check() error {
	ways := 0
	var problems []error
	if a.AppRole != nil {
		ways++
		if (a.AppRole.RoleID == "") == (a.AppRole.RoleIDFile == "") {
			problems = append(problems, errors.New("AppRole needs a role id or a file with it, one of the two"))
		}
	}
	if a.Kubernetes != nil {
		ways++
		if a.Kubernetes.Role == "" {
			problems = append(problems, errors.New("the login with Kubernetes names no role"))
		}
	}
	if a.JWT != nil {
		ways++
		if a.JWT.Role == "" || a.JWT.TokenFile == "" {
			problems = append(problems, errors.New("the login with JWT needs a role and a file with the token"))
		}
	}
	if a.TokenFile != "" {
		ways++
	}
	if ways != 1 {
		problems = append(problems, fmt.Errorf("%d ways to log in are configured; it has to be one of AppRole, token file, Kubernetes and JWT", ways))
	}
	return errors.Join(problems...)
}

// name is a name as Vault takes it for roles and mounts: what it is made of
// cannot lead to another path.
var name = regexp.MustCompile(`^[0-9A-Za-z_]([0-9A-Za-z_.@-]*[0-9A-Za-z_])?$`)

// checkPath accepts names with slashes between them.
func checkPath(what, path string) error {
	for part := range strings.SplitSeq(path, "/") {
		if len(path) > 256 || !name.MatchString(part) {
			return fmt.Errorf("the %s %q must be letters, digits, '_', '-', '.' and '@', with single slashes between", what, path)
		}
	}
	return nil
}

func checkMounts(c *Config) error {
	var problems []error
	if c.Auth.AppRole != nil && c.Auth.AppRole.Mount != "" {
		problems = append(problems, checkPath("mount", c.Auth.AppRole.Mount))
	}
	for _, l := range []*TokenLogin{c.Auth.Kubernetes, c.Auth.JWT} {
		if l != nil && l.Mount != "" {
			problems = append(problems, checkPath("mount", l.Mount))
		}
	}
	return errors.Join(problems...)
}

// authorities reads the CA file.
func (c *Config) authorities() (*x509.CertPool, error) {
	text, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("the file of authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("the file of authorities %s has no certificate in PEM form", c.CA)
	}
	return pool, nil
}

// roundTripper is the network, with the limits that a server has to keep to.
func (c *Config) roundTripper() (http.RoundTripper, error) {
	if c.transport != nil {
		return bounded{c.transport}, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CA != "" {
		pool, err := c.authorities()
		if err != nil {
			return nil, err
		}
		settings.RootCAs = pool
	}
	return bounded{&http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:       settings,
		TLSHandshakeTimeout:   5 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   16,
		MaxConnsPerHost:       64,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: c.Timeout,
	}}, nil
}
