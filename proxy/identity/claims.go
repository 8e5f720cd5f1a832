package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is taken over from a token.
const (
	// maxClaim is how long one text may be, in bytes: what OpenID Connect
	// Core 1.0 allows for sub.
	maxClaim = 255
	// maxGroups is how many groups there may be. Providers that have more
	// say so in the token instead of listing them.
	maxGroups = 256
	// maxMethods is how many entries amr may have.
	maxMethods = 16
	// lastSecond is the end of the year 9999, behind which a time cannot be
	// written down.
	lastSecond = 253_402_300_799
)

// jwt is a token of the compact form (RFC 7515 section 7.1), taken apart and
// not verified. Names of members count letter for letter, which encoding/json
// does not do for structs: a claim Sub is not sub.
type jwt struct {
	algorithm, key, form string
	claims               members
	// signed is what the signature is about. Two tokens with the same are the
	// same token, however their signatures are written.
	signed string
}

type members map[string]json.RawMessage

// parseJWT takes a token apart. Its errors quote nothing of it.
func parseJWT(raw string) (*jwt, error) {
	parts := strings.Split(raw, ".")
	if len(raw) > MaxToken || len(parts) != 3 || strings.ContainsAny(parts[2], "\r\n") {
		return nil, ErrTokenMalformed
	}
	header, err := decodeMembers(parts[0])
	if err != nil {
		return nil, err
	}
	t := &jwt{signed: parts[0] + "." + parts[1]}
	if t.claims, err = decodeMembers(parts[1]); err != nil {
		return nil, err
	}
	for name, into := range map[string]*string{"alg": &t.algorithm, "kid": &t.key, "typ": &t.form} {
		if *into, _, err = header.text(name); err != nil {
			return nil, ErrTokenMalformed
		}
	}
	// What crit lists must be understood (RFC 7515 section 4.1.11), and none
	// of it is.
	if _, critical := header["crit"]; critical {
		return nil, ErrTokenMalformed
	}
	return t, nil
}

func decodeMembers(part string) (members, error) {
	// encoding/base64 skips line breaks; then one token had several spellings.
	if strings.ContainsAny(part, "\r\n") {
		return nil, ErrTokenMalformed
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || !utf8.Valid(data) {
		return nil, ErrTokenMalformed
	}
	return readMembers(data)
}

// readMembers reads a JSON object. A name that stands there twice is refused:
// which of the two counts depends on who reads it (RFC 7519 section 4).
func readMembers(data []byte) (members, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, ErrTokenMalformed
	}
	m := make(members)
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || m[name] != nil || d.Decode(&value) != nil {
			return nil, ErrTokenMalformed
		}
		m[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, ErrTokenMalformed
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrTokenMalformed
	}
	return m, nil
}

func badClaim(name, what string) error {
	return fmt.Errorf("%w: %s %s", ErrClaims, name, what)
}

// text returns a claim that is a text, and whether it is there.
func (m members) text(name string) (string, bool, error) {
	raw, there := m[name]
	if !there || string(raw) == "null" {
		return "", false, nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return "", false, badClaim(name, "is no text")
	}
	return text, true, nil
}

// name returns a claim that is a text which can stand in a record.
func (m members) name(name string) (string, bool, error) {
	text, there, err := m.text(name)
	if err == nil && there {
		err = checkClaim(name, text)
	}
	return text, there, err
}

func checkClaim(name, text string) error {
	switch {
	case text == "":
		return badClaim(name, "is empty")
	case len(text) > maxClaim:
		return badClaim(name, fmt.Sprintf("is longer than %d bytes", maxClaim))
	case strings.ContainsRune(text, utf8.RuneError):
		// It stands for whatever cannot be read: two names would become one.
		return badClaim(name, "is no text in Unicode")
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return badClaim(name, "has a sign that cannot be printed")
	}
	return nil
}

// names returns a claim that is a text or a list of texts, sorted, each once.
func (m members) names(name string, most int) ([]string, error) {
	list, err := m.list(name)
	if err != nil {
		return nil, err
	}
	if len(list) > most {
		return nil, badClaim(name, fmt.Sprintf("has more than %d entries", most))
	}
	for _, text := range list {
		if err := checkClaim(name, text); err != nil {
			return nil, err
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

func (m members) list(name string) ([]string, error) {
	raw, there := m[name]
	if !there || string(raw) == "null" {
		return nil, nil
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list, nil
	}
	text, _, err := m.text(name)
	if err != nil {
		return nil, badClaim(name, "is neither a text nor a list of texts")
	}
	return []string{text}, nil
}

// time returns a NumericDate (RFC 7519 section 2): seconds since 1970, perhaps
// with a fraction.
func (m members) time(name string) (time.Time, bool, error) {
	raw, there := m[name]
	if !there || string(raw) == "null" {
		return time.Time{}, false, nil
	}
	var seconds float64
	if json.Unmarshal(raw, &seconds) != nil || seconds < 0 || seconds > lastSecond {
		return time.Time{}, false, badClaim(name, "is no time")
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)).UTC(), true, nil
}

// isTrue takes the text "true" as well, which some providers send.
func (m members) isTrue(name string) bool {
	return string(m[name]) == "true" || string(m[name]) == `"true"`
}
