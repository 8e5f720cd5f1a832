package identity

import (
	"bytes"
	"fmt"
	"strings"
)

// kvsep separates the parts of an OAUTHBEARER message (RFC 7628 section 3.1).
const kvsep = 0x01

// parseBearer reads the client's first message of OAUTHBEARER:
//
//	gs2-header kvsep *kvpair kvsep
//	n,,^Aauth=Bearer TOKEN^A^A
//
// It returns the token, or the zero token if auth is there and empty, which
// asks where to get one. It is strict: no channel binding, which the mechanism
// does not have; no authzid, since PostgreSQL takes the name from the start-up
// packet; one auth; nothing behind the end. Other pairs (host, port) are
// checked for their form and not used.
func parseBearer(message []byte) (Token, error) {
	header, rest, ok := bytes.Cut(message, []byte{kvsep})
	if !ok {
		return Token{}, malformedBearer("it has no separator")
	}
	if text := string(header); text != "n,," && text != "y,," {
		return Token{}, malformedBearer("its header asks for channel binding or for another name")
	}
	pairs, ok := bytes.CutSuffix(rest, []byte{kvsep})
	if !ok {
		return Token{}, malformedBearer("it does not end with a separator")
	}
	var auth []byte
	found := false
	for len(pairs) > 0 {
		var pair []byte
		if pair, pairs, ok = bytes.Cut(pairs, []byte{kvsep}); !ok {
			return Token{}, malformedBearer("a pair does not end with a separator")
		}
		key, value, err := parsePair(pair)
		if err != nil {
			return Token{}, err
		}
		if key != "auth" {
			continue
		}
		if found {
			return Token{}, malformedBearer("it has two auth")
		}
		auth, found = value, true
	}
	if !found {
		return Token{}, malformedBearer("it has no auth")
	}
	return parseCredentials(auth)
}

// parsePair reads kvpair without its end: key "=" value, where a key is
// letters, and a value printable ASCII and white space.
func parsePair(pair []byte) (key string, value []byte, err error) {
	name, value, ok := bytes.Cut(pair, []byte{'='})
	if !ok || len(name) == 0 {
		return "", nil, malformedBearer("a pair has no key")
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "", nil, malformedBearer("a key is not made of letters")
		}
	}
	for _, c := range value {
		if (c < ' ' || c > '~') && c != '\t' && c != '\r' && c != '\n' {
			return "", nil, malformedBearer("a value is not printable text")
		}
	}
	return string(name), value, nil
}

// parseCredentials reads what stands in auth: nothing, or the word Bearer in
// any case, spaces, and a b64token (RFC 6750 section 2.1).
func parseCredentials(auth []byte) (Token, error) {
	if len(auth) == 0 {
		return Token{}, nil
	}
	scheme, rest, _ := bytes.Cut(auth, []byte{' '})
	token := bytes.TrimLeft(rest, " ")
	if !strings.EqualFold(string(scheme), "Bearer") {
		return Token{}, malformedBearer("auth is not of the scheme Bearer")
	}
	if !isToken(token) {
		return Token{}, malformedBearer("auth holds no bearer token")
	}
	return newToken(token), nil
}

// isToken reports whether a text is a b64token: letters, digits, -._~+/ and
// then any number of =.
func isToken(text []byte) bool {
	text = bytes.TrimRight(text, "=")
	for _, c := range text {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return len(text) > 0
}

// malformedBearer names the rule that was broken, never what the client sent.
func malformedBearer(rule string) error {
	return fmt.Errorf("%w: %s", ErrMalformed, rule)
}
