package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// Protocol versions, as major<<16 | minor.
const (
	protocol30 = 3 << 16
	protocol32 = 3<<16 | 2
)

// startup is a client's StartupMessage, parsed and judged.
type startup struct {
	// minor is the protocol's minor version that the session speaks.
	minor int
	// requested is the version asked for.
	requested uint32
	// unknown are the _pq_. options nobody here knows.
	unknown []string

	user     string
	database string
	// application is the application_name asked for.
	application string
	// params go upstream, in the order they came.
	params []param
	// declared are the sluice.* settings.
	declared map[string]string
	// replication is true for a replication connection to the database.
	replication bool
}

type param struct{ name, value string }

// statement is the SET that does the same, with a semicolon. The server takes
// bytes that are no UTF-8 at start-up; no value that matters has any.
func (p param) statement() string {
	parts := strings.Split(p.name, ".")
	for i := range parts {
		parts[i] = quote.Identifier(parts[i])
	}
	return "SET " + strings.Join(parts, ".") + " TO " + quote.Literal(strings.ToValidUTF8(p.value, "?")) + ";"
}

// startupError is a start-up packet that is refused.
type startupError struct {
	sqlstate, message, hint string
}

func (e *startupError) Error() string { return e.message }

// because adds a cause that is for the log alone.
func (e startupError) because(cause error) error { return fmt.Errorf("%w: %w", &e, cause) }

func refuseStartup(sqlstate, hint, format string, args ...any) error {
	return &startupError{sqlstate, "sluice: " + fmt.Sprintf(format, args...), hint}
}

// readPairs splits the body of a StartupMessage strictly: pairs of
// NUL-terminated strings, one NUL at the end, nothing after it, no name
// twice.
func readPairs(body []byte) ([]param, error) {
	malformed := refuseStartup("08P01", "", "invalid start-up packet layout")
	var pairs []param
	seen := map[string]bool{}
	for {
		name, rest, ok := bytes.Cut(body, []byte{0})
		if !ok {
			return nil, malformed
		}
		if len(name) == 0 {
			if len(rest) != 0 {
				return nil, malformed
			}
			return pairs, nil
		}
		value, rest, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, malformed
		}
		if key := strings.ToLower(string(name)); seen[key] {
			return nil, refuseStartup("08P01", "Give each parameter once.", "start-up parameter %q was sent twice", name)
		} else {
			seen[key] = true
		}
		pairs = append(pairs, param{string(name), string(value)})
		body = rest
	}
}

// parseStartup reads a StartupMessage and judges every parameter in it. The
// packet that goes upstream is built anew from what is returned.
func parseStartup(version uint32, body []byte) (*startup, error) {
	if version>>16 != 3 {
		return nil, refuseStartup("0A000", "Use a client that speaks protocol 3.",
			"unsupported frontend protocol %d.%d: the proxy supports 3.0 to 3.2", version>>16, version&0xffff)
	}
	s := &startup{requested: version, minor: int(min(version&0xffff, 2)), declared: map[string]string{}}
	pairs, err := readPairs(body)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if err := s.take(p); err != nil {
			return nil, err
		}
	}
	if s.user == "" {
		return nil, refuseStartup("28000", "Name a user, as in psql -U alice.", "no user name in the start-up packet")
	}
	if s.database == "" {
		s.database = s.user
	}
	return s, nil
}

func (s *startup) take(p param) error {
	switch name := strings.ToLower(p.name); {
	case p.name == "user":
		s.user = p.value
	case p.name == "database":
		s.database = p.value
	case p.name == "options":
		return s.takeOptions(p.value)
	case name == "replication":
		return s.takeReplication(p.value)
	case strings.HasPrefix(p.name, "_pq_."):
		s.unknown = append(s.unknown, p.name)
	default:
		return s.set(p)
	}
	return nil
}

// takeReplication takes a strict false, which the server reads as an ordinary
// session, and "database", about which the policy will be asked. All else is
// physical replication.
func (s *startup) takeReplication(value string) error {
	switch strings.ToLower(value) {
	case "false", "off", "no", "0":
		return nil
	}
	if value == "database" {
		s.replication = true
		return nil
	}
	return refuseStartup("42501", "Physical replication, pg_basebackup and pg_receivewal carry the whole server past every rule. "+
		"To follow changes use logical replication (replication=database), for which the policy names slot and publications.",
		"physical replication connections are not let through")
}

// set judges one run-time setting.
func (s *startup) set(p param) error {
	name := strings.ToLower(p.name)
	if !validSetting(name) {
		return refuseStartup("42602", "Names are letters, digits, underscores and dots.", "start-up parameter %q is no setting's name", p.name)
	}
	if reservedKey(name) {
		return refuseStartup("42704", "", "unrecognized configuration parameter %q", p.name)
	}
	switch verdict, fix := judgeSetting(name, p.value); verdict {
	case settingRefused:
		return refuseStartup("42501", fix, "start-up parameter %q is not let through", p.name)
	case settingPinned:
		return nil // the proxy sends its own
	}
	if name == "application_name" {
		s.application = p.value
	}
	if key, ok := strings.CutPrefix(name, "sluice."); ok {
		s.declared[key] = p.value
	}
	for i := range s.params {
		if strings.EqualFold(s.params[i].name, p.name) {
			s.params[i].value = p.value
			return nil
		}
	}
	s.params = append(s.params, p)
	return nil
}

// reservedKey reports whether the server reads a key of the packet as
// something other than a setting. As a setting none of them exists, so inside
// options or in another case they would only smuggle: the rebuilt packet holds
// every setting as a key of its own.
func reservedKey(name string) bool {
	switch name {
	case "user", "database", "options", "replication":
		return true
	}
	return strings.HasPrefix(name, "_pq_.")
}

// validSetting reports whether a lower-case name can be a setting's, so that
// what is judged and what the server looks up is the same word.
func validSetting(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c == '_'
		if !letter && (i == 0 || c != '.' && c != '$' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}

// takeOptions reads command-line options as the server does
// (process_postgres_switches): -c name=value, -cname=value, --name=value.
// Other switches are refused, because they mean other settings.
func (s *startup) takeOptions(text string) error {
	words := splitOptions(text)
	for i := 0; i < len(words); i++ {
		word := words[i]
		var setting string
		switch {
		case word == "-c" && i+1 < len(words):
			i++
			setting = words[i]
		case strings.HasPrefix(word, "--"):
			setting = word[2:]
		case strings.HasPrefix(word, "-c") && len(word) > 2:
			setting = word[2:]
		default:
			return refuseStartup("42501", "Use -c name=value.", "start-up option %q is not let through", word)
		}
		name, value, ok := strings.Cut(setting, "=")
		if !ok || name == "" {
			return refuseStartup("42601", "Use -c name=value.", "start-up option %q has no value", setting)
		}
		if err := s.set(param{strings.ReplaceAll(name, "-", "_"), value}); err != nil {
			return err
		}
	}
	return nil
}

// splitOptions splits at white space; a backslash takes the next character
// as it is (pg_split_opts).
func splitOptions(text string) []string {
	var words []string
	var word []byte
	inWord := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			word = append(word, text[i])
			inWord = true
		case c == '\\':
			inWord = true
		case c == ' ' || c >= '\t' && c <= '\r':
			if inWord {
				words = append(words, string(word))
				word, inWord = nil, false
			}
		default:
			word = append(word, c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, string(word))
	}
	return words
}

// needsNegotiation reports whether the client asked for more than the proxy
// speaks.
func (s *startup) needsNegotiation() bool {
	return s.requested > protocol32 || len(s.unknown) > 0
}

// asStartupError finds the refusal in an error.
func asStartupError(err error) (*startupError, bool) {
	var e *startupError
	ok := errors.As(err, &e)
	return e, ok
}
