package credential

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"
)

const (
	maxNameLength = 63 // NAMEDATALEN - 1
	nonceBytes    = 10 // 80 bits, 16 letters in base32
	maxPrefix     = 20 // leaves at least 26 bytes for the subject
)

// quoteIdentifier writes a name as a quoted SQL identifier.
func quoteIdentifier(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// quoteLiteral writes a value as an SQL string constant. It is right only
// with standard_conforming_strings on, which the admin connection pins and
// checks.
func quoteLiteral(value string) string {
	return `'` + strings.ReplaceAll(value, `'`, `''`) + `'`
}

// ArrayLiteral writes texts as PostgreSQL reads them as an array (manual, "Array
// Input and Output Syntax").
func ArrayLiteral(texts []string) string {
	quoted := make([]string, len(texts))
	for n, text := range texts {
		quoted[n] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// checkPrefix accepts what makes a role name that needs no second thought in
// logs and patterns.
func checkPrefix(prefix string) error {
	switch {
	case prefix == "" || len(prefix) > maxPrefix:
		return fmt.Errorf("prefix %q must have 1 to %d bytes", prefix, maxPrefix)
	case strings.HasPrefix(prefix, "pg_"):
		return fmt.Errorf("prefix %q begins with pg_, which PostgreSQL reserves", prefix)
	case simple(prefix) != prefix || prefix[0] >= '0' && prefix[0] <= '9':
		return fmt.Errorf("prefix %q must be lower-case letters, digits and _, and begin with no digit", prefix)
	}
	return nil
}

// roleName makes the name of a new role: prefix, who it is for, and enough
// chance that two never meet.
func roleName(prefix, subject string) (string, error) {
	nonce := make([]byte, nonceBytes)
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("make a role name: %w", err)
	}
	tail := "_" + strings.ToLower(base32.StdEncoding.EncodeToString(nonce))
	who := strings.Trim(simple(subject), "_")
	if who == "" {
		who = "user"
	}
	if room := maxNameLength - len(prefix) - len(tail); len(who) > room {
		who = who[:room]
	}
	return prefix + who + tail, nil
}

// simple lowers letters and turns every run of anything but letters and
// digits into one underscore.
func simple(text string) string {
	var b strings.Builder
	last := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		default:
			c = '_'
		}
		if c == '_' && last == '_' {
			continue
		}
		b.WriteByte(c)
		last = c
	}
	return b.String()
}
