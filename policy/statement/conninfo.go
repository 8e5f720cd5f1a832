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

// serverDestination reads a connection string as libpq does: keyword=value
// pairs or a postgres:// URI. The password is never looked at. A string that
// is neither is the name of a foreign server or connection.
func serverDestination(conninfo string, at int) Destination {
	for _, prefix := range []string{"postgresql://", "postgres://"} {
		if strings.HasPrefix(conninfo, prefix) {
			return uriParameters(conninfo[len(prefix):]).destination(at)
		}
	}
	if !strings.Contains(conninfo, "=") {
		return Destination{Type: ToServer, Name: clip(strings.TrimSpace(conninfo)), Position: at}
	}
	p := parameters{}
	for _, pair := range keywordPairs(conninfo) {
		p[pair[0]] = pair[1]
	}
	return p.destination(at)
}

// parameters of a connection; of a repeated one the last counts, as in libpq.
type parameters map[string]string

// destination is where a connection with these parameters goes. hostaddr is
// where the bytes go, whatever host says; a service is a name in a file of
// the server that nobody here can read. A list of hosts is kept whole.
func (p parameters) destination(at int) Destination {
	d := Destination{Type: ToServer, Host: p["host"], User: clip(p["user"]), Position: at}
	if p["hostaddr"] != "" {
		d.Host = p["hostaddr"]
	} else if d.Host == "" && p["service"] != "" {
		d.Host = "service=" + p["service"]
	}
	// What stands before an @ here was meant as a password.
	d.Host = clip(d.Host[strings.LastIndexByte(d.Host, '@')+1:])
	first, _, _ := strings.Cut(p["port"], ",")
	if n, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16); err == nil {
		d.Port = int(n)
	}
	// The server does not expand a connection string in dbname, but
	// somebody may have put one there, with a password.
	if name := p["dbname"]; !strings.Contains(name, "=") && !strings.Contains(name, "://") {
		d.Database = clip(name)
	}
	return d
}

// uriParameters reads what follows postgres://, in libpq's order: the user
// ends at the first @ before any slash, even after a question mark; then
// hosts with ports, the database, and parameters, which override.
func uriParameters(rest string) parameters {
	p := parameters{}
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		user, _, _ := strings.Cut(rest[:i], ":")
		p.put("user", user)
		rest = rest[i+1:]
	}
	var hosts, ports []string
	for more := true; more; {
		var host, port string
		host, rest = uriHost(rest)
		if strings.HasPrefix(rest, ":") {
			port, rest = cutAny(rest[1:], "/?,")
		}
		hosts, ports = append(hosts, host), append(ports, port)
		if more = strings.HasPrefix(rest, ","); more {
			rest = rest[1:]
		}
	}
	p.put("host", strings.Join(hosts, ","))
	p.put("port", strings.Join(ports, ","))
	if strings.HasPrefix(rest, "/") {
		var database string
		database, rest = cutAny(rest[1:], "?")
		p.put("dbname", database)
	}
	for _, part := range strings.Split(strings.TrimPrefix(rest, "?"), "&") {
		key, value, _ := strings.Cut(part, "=")
		p[unescape(key)] = unescape(value)
	}
	return p
}

// put stores a percent-encoded value; an empty one is one not given.
func (p parameters) put(keyword, value string) {
	if value != "" {
		p[keyword] = unescape(value)
	}
}

func uriHost(s string) (host, rest string) {
	if strings.HasPrefix(s, "[") {
		if i := strings.IndexByte(s, ']'); i >= 0 {
			return s[1:i], s[i+1:]
		}
	}
	return cutAny(s, ":/?,")
}

// cutAny splits in front of the first of the characters.
func cutAny(s, chars string) (before, rest string) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
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
