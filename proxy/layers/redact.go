package layers

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Redacted stands where a secret was.
const Redacted = "***"

// secretKeys are the last words of settings whose value nobody may see.
var secretKeys = regexp.MustCompile(`(^|[._])(password|passphrase|secret|token|api_key|authorization|headers)$`)

// connectionKeys are settings whose value is a connection string, whatever it
// looks like.
var connectionKeys = regexp.MustCompile(`(^|\.)dsn$|^databases\[\]\.credential\.[a-z_]+\.admin$`)

// plainKeys are the parts of a connection string that are no secret. What is
// not among them is not shown.
var plainKeys = []string{
	"application_name", "channel_binding", "client_encoding", "connect_timeout", "database", "dbname", "gssencmode", "host", "hostaddr", "keepalives",
	"krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version", "passfile", "pool_max_conns", "port", "require_auth", "service",
	"servicefile", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcrl", "sslkey", "sslmode", "sslnegotiation",
	"sslrootcert", "sslsni", "target_session_attrs", "user",
}

var (
	withUser = regexp.MustCompile(`(?i)^[a-z][a-z0-9+.-]*:.*@`)
	keyword  = regexp.MustCompile(`(?i)(^|[\s?&])(` + strings.Join(plainKeys, "|") + `|[a-z_]*(password|passwd|pwd|secret|token)[a-z_]*)\s*=`)
)

// misplaced is a password that a value swallowed: in "passfile= password=x"
// it is a part of the path.
var misplaced = regexp.MustCompile(`(?i)(password|passwd|pwd|secret|token)[a-z_]*\s*=`)

// redact takes the secrets out of a value before it is shown. Nothing but a
// login's passfile should hold one, but people put them into connection
// strings. A connection string that cannot be read is not shown at all.
func redact(setting, value string) string {
	switch {
	case value == "":
		return ""
	case secretKeys.MatchString(strings.ToLower(unindexed(setting))):
		return Redacted
	case withUser.MatchString(value), strings.Contains(value, "://"):
		return redactURL(value)
	case keyword.MatchString(value), connectionKeys.MatchString(unindexed(setting)):
		return redactKeywords(value)
	}
	return value
}

func redactURL(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Opaque != "" || u.Fragment != "" || u.Host == "" || strings.ContainsAny(u.Path, "=@:") || misplaced.MatchString(u.Host+u.User.Username()) {
		return Redacted
	}
	if _, given := u.User.Password(); given {
		u.User = url.UserPassword(u.User.Username(), Redacted)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Redacted
	}
	for key := range query {
		if !slices.Contains(plainKeys, key) {
			query[key] = []string{Redacted}
		}
	}
	u.RawQuery = query.Encode()
	return strings.ReplaceAll(u.String(), url.QueryEscape(Redacted), Redacted)
}

// redactKeywords reads keyword=value pairs as libpq does: blanks around the
// sign, values in single quotes, a backslash before any character.
func redactKeywords(value string) string {
	var shown []string
	rest := strings.TrimLeft(value, " \t\r\n")
	for rest != "" {
		key, after, found := strings.Cut(rest, "=")
		key = strings.TrimSpace(key)
		if !found || strings.ContainsAny(key, " \t\r\n'\\") {
			return Redacted
		}
		text, left, ok := cutValue(strings.TrimLeft(after, " \t\r\n"))
		if !ok {
			return Redacted
		}
		if !slices.Contains(plainKeys, key) || misplaced.MatchString(text) {
			text = Redacted
		}
		shown = append(shown, key+"="+text)
		rest = strings.TrimLeft(left, " \t\r\n")
	}
	return strings.Join(shown, " ")
}

// cutValue cuts one value, as it is written, from the beginning of a text.
func cutValue(text string) (value, rest string, ok bool) {
	quoted := strings.HasPrefix(text, "'")
	i := 0
	if quoted {
		i = 1
	}
	for ; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case quoted && text[i] == '\'':
			return text[:i+1], text[i+1:], true
		case !quoted && strings.IndexByte(" \t\r\n", text[i]) >= 0:
			return text[:i], text[i:], true
		}
	}
	return text, "", !quoted && i == len(text)
}

// withoutSecrets takes the quoted line from every mistake in a document whose
// line looks as if it held a secret: a key that is misspelled has its value
// behind it.
func withoutSecrets(err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, one := range joined.Unwrap() {
			_ = withoutSecrets(one) // it changes the mistake in place
		}
		return err
	}
	var mistake *strictyaml.Error
	if errors.As(err, &mistake) && secretLine.MatchString(mistake.Excerpt) {
		mistake.Excerpt = ""
	}
	return err
}

// secretLine is a line with a password, a token or a URL with a login in it.
var secretLine = regexp.MustCompile(`(?i)(password|passphrase|passwd|pwd|secret|token|api_key|authorization|headers)[a-z_"']*\s*[=:]|://[^/\s]*@`)
