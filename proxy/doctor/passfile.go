package doctor

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// blanks stand between words, as isspace(3) has it.
const blanks = " \t\r\n\v\f"

// errConnectionString says nothing of the string: it can hold a password.
var errConnectionString = errors.New("it is no valid connection string")

// settings reads a connection string in libpq's two forms: a URL, or words
// like host=localhost with quotes and backslashes (PostgreSQL manual, 32.1.1).
// Host, port, user and database of a URL are left out; pgconn knows them.
func settings(text string) (map[string]string, error) {
	if strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") {
		return urlSettings(text)
	}
	found := map[string]string{}
	for rest := strings.TrimLeft(text, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		name, value, ok := strings.Cut(rest, "=")
		if name = strings.Trim(name, blanks); !ok || name == "" || strings.ContainsAny(name, blanks) {
			return nil, errConnectionString
		}
		if value, rest, ok = cutValue(strings.TrimLeft(value, blanks)); !ok {
			return nil, errConnectionString
		}
		found[name] = value
	}
	return found, nil
}

// urlSettings takes a URL apart by hand: pgconn reads some, with several
// hosts, that net/url refuses.
func urlSettings(text string) (map[string]string, error) {
	_, rest, _ := strings.Cut(text, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, _, _ := strings.Cut(rest, "/")
	found := map[string]string{}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if _, password, ok := strings.Cut(authority[:at], ":"); ok {
			found["password"] = password // as it stands: whether there is one is all that counts
		}
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.PathUnescape(name)
		value, valueErr := url.PathUnescape(value)
		if nameErr != nil || valueErr != nil {
			return nil, errConnectionString
		}
		found[name] = value
	}
	return found, nil
}

// cutValue takes one value off the front of the text.
func cutValue(text string) (value, rest string, ok bool) {
	var b strings.Builder
	quoted := strings.HasPrefix(text, "'")
	i := 0
	if quoted {
		i = 1
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case quoted && c == '\'':
			return b.String(), text[i+1:], true
		case !quoted && strings.IndexByte(blanks, c) >= 0:
			return b.String(), text[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

// lookAtPassword judges where the issuer's password comes from.
func lookAtPassword(f *findings, admin string) {
	const name = "credential.passfile"
	known, err := settings(admin)
	if err != nil {
		f.problem("credential.admin", "Write it like: host=db.example.net port=5432 user=shop_issuer passfile=issuer.pgpass", "%v", err)
		return
	}
	if known["password"] != "" {
		f.problem(name, "Move the password into a passfile of mode 0600, and name it with passfile=.",
			"the password stands in the connection string, where everybody who reads the configuration reads it")
		return
	}
	path := known["passfile"]
	if path == "" {
		path = os.Getenv("PGPASSFILE")
	}
	if path == "" {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, ".pgpass")
		}
	}
	if _, err := os.Stat(path); known["passfile"] == "" && err != nil {
		f.ok(name, "none: the issuer logs in without a password")
		return
	}
	lookAtSecret(f, name, path)
}
