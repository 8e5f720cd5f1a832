package statement

import (
	"net/url"
	"strconv"
	"strings"
)

// fileDestination is a path of the server, or a URL where an extension has
// taught COPY to understand them.
func fileDestination(name string, at int) Destination {
	if scheme, _, ok := strings.Cut(name, "://"); ok && urlScheme(scheme) {
		return urlDestination(name, at)
	}
	return Destination{Type: ToFile, Path: clip(name), Position: at}
}

func urlScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != ""
}

// urlDestination keeps scheme, host and path of a URL. User, password, query
// and fragment may hold secrets.
func urlDestination(text string, at int) Destination {
	scheme, rest, _ := strings.Cut(text, "://")
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	authority, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	if slash {
		path = "/" + path
	}
	return Destination{Type: ToURL, Path: clip(scheme + "://" + authority + path), Position: at}
}

// serverDestination reads a connection string of libpq: keyword=value pairs or
// a postgres:// URI. The password is never looked at. A string that is
// neither is taken for the name of a foreign server or connection.
func serverDestination(conninfo string, at int) Destination {
	d := Destination{Type: ToServer, Position: at}
	for _, prefix := range []string{"postgresql://", "postgres://"} {
		if strings.HasPrefix(conninfo, prefix) {
			d.fromURI(conninfo[len(prefix):])
			return d
		}
	}
	if !strings.Contains(conninfo, "=") {
		d.Host = clip(strings.TrimSpace(conninfo))
		return d
	}
	for _, pair := range keywordPairs(conninfo) {
		d.set(pair[0], pair[1])
	}
	return d
}

// set takes one connection parameter. Of several hosts the first counts; a
// list is kept whole so that nobody overlooks the others. hostaddr is where
// the bytes go, whatever host says.
func (d *Destination) set(keyword, value string) {
	switch keyword {
	case "host":
		if d.Host == "" {
			d.Host = clip(value)
		}
	case "hostaddr":
		if value != "" {
			d.Host = clip(value)
		}
	case "port":
		first, _, _ := strings.Cut(value, ",")
		if n, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16); err == nil {
			d.Port = int(n)
		}
	case "dbname":
		// The server does not expand a connection string here, but
		// somebody may have put one with a password.
		if !strings.Contains(value, "=") && !strings.Contains(value, "://") {
			d.Database = clip(value)
		}
	case "user":
		d.User = clip(value)
	}
}

// fromURI reads what follows postgres://.
func (d *Destination) fromURI(rest string) {
	rest, query, _ := strings.Cut(rest, "?")
	authority, database, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, _, _ := strings.Cut(authority[:i], ":")
		d.User = clip(unescape(user))
		authority = authority[i+1:]
	}
	d.hostPort(authority)
	d.set("dbname", unescape(database))
	for _, part := range strings.Split(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		d.set(unescape(key), unescape(value))
	}
}

func (d *Destination) hostPort(authority string) {
	if authority == "" {
		return
	}
	if strings.Contains(authority, ",") {
		d.Host = clip(unescape(authority))
		return
	}
	host, port := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		host, port = authority[:i], authority[i+1:]
	}
	d.Host = clip(unescape(strings.Trim(host, "[]")))
	d.set("port", port)
}

func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// keywordPairs splits keyword=value pairs as libpq does: white space around
// the equals sign, values in single quotes, backslash takes the next
// character as it is. A string that ends early gives the pairs before that.
func keywordPairs(s string) [][2]string {
	var pairs [][2]string
	for {
		s = strings.TrimLeft(s, " \t\n\r\f\v")
		keyword, rest, ok := strings.Cut(s, "=")
		if !ok {
			return pairs
		}
		value, after := pairValue(strings.TrimLeft(rest, " \t\n\r\f\v"))
		pairs = append(pairs, [2]string{strings.TrimSpace(keyword), value})
		s = after
	}
}

func pairValue(s string) (value, rest string) {
	quoted := strings.HasPrefix(s, "'")
	i := 0
	if quoted {
		i = 1
	}
	var b strings.Builder
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quoted && c == '\'':
			return b.String(), s[i+1:]
		case !quoted && (c == ' ' || c >= '\t' && c <= '\r'):
			return b.String(), s[i:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
