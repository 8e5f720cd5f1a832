package signin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// check refuses a folder that somebody else could put a service file into:
// psql would take the token where that says.
func (f Folder) check() error {
	info, err := os.Stat(string(f))
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is somebody else's", string(f))
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is a folder that others can write to; chmod go-w takes that away", string(f))
	}
	return nil
}

// temporary are the files that identity.WriteAtomically makes, before they have
// their names.
var temporary = regexp.MustCompile(`^\.(pg_service\.conf|.+\.pgpass)\.[0-9]+$`)

// tidy removes passfiles whose tokens have expired, and what a login left that was
// interrupted. The caller has the lock.
func (f Folder) tidy(now time.Time) error {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		path := filepath.Join(string(f), e.Name())
		if temporary.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".pgpass") && hasExpired(path, now) {
			if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// hasExpired reports whether a passfile's token says that it has, so long ago that
// no clock takes it. What cannot be read is left alone.
func hasExpired(path string, now time.Time) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	line := strings.TrimSpace(string(data))
	parts := strings.Split(line[strings.LastIndex(line, ":")+1:], ".")
	if len(parts) != 3 {
		return false
	}
	var claims struct {
		Expires *float64 `json:"exp"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Expires == nil {
		return false
	}
	return float64(now.Add(-identity.MaxClockSkew).Unix()) > *claims.Expires
}

// tokenForm is a JWT of the compact form: it needs no quoting and ends no line.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// checkToken refuses what Sluice would not take, and what a passfile cannot hold.
func checkToken(token string) error {
	if !tokenForm.MatchString(token) {
		return errors.New("the provider's token is no signed JWT; --id-token takes the ID token, which is one")
	}
	if len(token) > identity.MaxToken {
		return fmt.Errorf("the provider's token has %d bytes, and Sluice takes %d", len(token), identity.MaxToken)
	}
	return nil
}
