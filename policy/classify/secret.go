package classify

import "bytes"

// secretShapes looks for credentials that show by their own marks, alone or
// inside a longer text.
func secretShapes(value []byte, c *counts) ShapeSet {
	var s ShapeSet
	if c.dashes >= 10 && hasPrivateKey(value) {
		s |= PrivateKey.set()
	}
	if c.colons >= 2 && c.ats > 0 && hasLogin(value) {
		s |= Login.set()
	}
	if c.length >= 20 && (c.dots >= 2 && hasWebToken(value) || hasMarked(value)) {
		s |= Token.set()
	}
	if isPasswordHash(value, c) {
		s |= PasswordHash.set()
	}
	return s
}

var (
	pemBegin = []byte("-----BEGIN ")
	pemKey   = []byte("PRIVATE KEY")
	ageKey   = []byte("AGE-SECRET-KEY-1")
)

// hasPrivateKey looks for a PEM block (RFC 7468) of a private key; those of
// certificates and public keys are no secrets.
func hasPrivateKey(value []byte) bool {
	for {
		at := bytes.Index(value, pemBegin)
		if at < 0 {
			return false
		}
		value = value[at+len(pemBegin):]
		if bytes.Contains(value[:min(len(value), 40)], pemKey) {
			return true
		}
	}
}

// hasLogin looks for scheme://user:password@host. A password that is left
// out, masked or a variable is none.
func hasLogin(value []byte) bool {
	for {
		at := bytes.Index(value, []byte("://"))
		if at < 0 {
			return false
		}
		scheme := at > 1 && isLetter(value[at-1])
		value = value[at+3:]
		colon := -1
		for i := 0; i < len(value) && i < 512; i++ {
			b := value[i]
			if b == '/' || b == '?' || b <= ' ' || b == '"' || b == '\'' || b == '<' {
				break
			}
			if b == ':' && colon < 0 {
				colon = i
			}
			if b == '@' && colon >= 0 {
				if scheme && meansPassword(value[colon+1:i]) {
					return true
				}
				break
			}
		}
	}
}

func meansPassword(text []byte) bool {
	if len(text) < 3 || text[0] == '$' || text[0] == '{' || text[0] == '<' || text[0] == '%' {
		return false
	}
	for _, b := range text {
		if b != '*' && b != 'x' && b != 'X' {
			return true
		}
	}
	return false
}

// hasWebToken looks for a JSON web token (RFC 7519): three words of base64url
// between dots, the first a JSON object that names an algorithm.
func hasWebToken(value []byte) bool {
	for {
		at := bytes.Index(value, []byte("eyJ"))
		if at < 0 {
			return false
		}
		whole := at == 0 || !inWebToken(value[at-1])
		value = value[at:]
		if whole && beginsWebToken(value) {
			return true
		}
		value = value[3:]
	}
}

func inWebToken(b byte) bool { return isAlnum(b) || b == '_' || b == '-' }

func beginsWebToken(text []byte) bool {
	header := wordOf(text)
	if header < 16 || header > 1024 || header+1 >= len(text) || text[header] != '.' {
		return false
	}
	payload := wordOf(text[header+1:])
	if payload < 2 || header+payload+1 >= len(text) || text[header+payload+1] != '.' {
		return false
	}
	return namesAlgorithm(text[:header])
}

func wordOf(text []byte) int {
	n := 0
	for n < len(text) && inWebToken(text[n]) {
		n++
	}
	return n
}

// namesAlgorithm decodes base64url byte by byte, because nothing may be
// allocated here, and looks for the member alg of the header.
func namesAlgorithm(header []byte) bool {
	const member = `"alg"`
	matched, acc, have := 0, uint32(0), 0
	for _, b := range header {
		acc = acc<<6 | uint32(sextet(b))
		if have += 6; have < 8 {
			continue
		}
		have -= 8
		switch got := byte(acc >> have); {
		case got == member[matched]:
			if matched++; matched == len(member) {
				return true
			}
		case got == '"':
			matched = 1
		default:
			matched = 0
		}
	}
	return false
}

func sextet(b byte) byte {
	switch {
	case b >= 'A' && b <= 'Z':
		return b - 'A'
	case b >= 'a' && b <= 'z':
		return b - 'a' + 26
	case digit(b):
		return b - '0' + 52
	case b == '-', b == '+':
		return 62
	}
	return 63
}

// mark is how the tokens of a service begin, and how much of what has to
// follow: bytes of letters, digits, _ and -.
type mark struct {
	text string
	tail int
	// upper is true if only capital letters and digits follow.
	upper bool
}

// marks are those of services that people use widely, by their first byte.
var marks = byFirst(
	mark{"AKIA", 16, true}, mark{"ASIA", 16, true}, // Amazon Web Services
	mark{"AIza", 35, false}, mark{"ya29.", 20, false}, mark{"GOCSPX-", 20, false}, // Google
	mark{"Atza|", 20, false}, mark{"Atzr|", 20, false}, // Login with Amazon, Alexa
	mark{"ghp_", 36, false}, mark{"gho_", 36, false}, mark{"ghu_", 36, false}, mark{"ghs_", 36, false}, mark{"ghr_", 36, false},
	mark{"github_pat_", 22, false}, mark{"glpat-", 20, false}, mark{"glrt-", 20, false},
	mark{"xoxb-", 10, false}, mark{"xoxp-", 10, false}, mark{"xoxa-", 10, false}, mark{"xoxr-", 10, false}, mark{"xoxs-", 10, false}, mark{"xapp-", 10, false},
	mark{"sk_live_", 16, false}, mark{"sk_test_", 16, false}, mark{"rk_live_", 16, false}, mark{"whsec_", 20, false},
	mark{"sk-ant-", 20, false}, mark{"sk-proj-", 20, false},
	mark{"shpat_", 32, false}, mark{"shpss_", 32, false}, mark{"npm_", 36, false}, mark{"pypi-AgEI", 20, false},
	mark{"dckr_pat_", 20, false}, mark{"dop_v1_", 40, false}, mark{"hf_", 34, false}, mark{"lin_api_", 32, false},
	mark{"hvs.", 24, false}, mark{"hvb.", 24, false}, mark{"hvr.", 24, false}, // Vault
	mark{"SG.", 22, false}, mark{"EAAG", 40, false}, mark{"PMAK-", 24, false}, mark{"AGE-SECRET-KEY-1", 40, true},
)

func byFirst(all ...mark) (table [256][]mark) {
	for _, m := range all {
		table[m.text[0]] = append(table[m.text[0]], m)
	}
	return table
}

// hasMarked looks for a token that begins with the mark of its service, at
// the beginning of a word.
func hasMarked(value []byte) bool {
	for i, b := range value {
		list := marks[b]
		if list == nil || i > 0 && inWebToken(value[i-1]) {
			continue
		}
		for j := range list {
			if list[j].begins(value[i:]) {
				return true
			}
		}
	}
	return false
}

func (m *mark) begins(text []byte) bool {
	if len(text) < len(m.text)+m.tail || string(text[:len(m.text)]) != m.text {
		return false
	}
	varied := false
	tail := text[len(m.text) : len(m.text)+m.tail]
	for i, b := range tail {
		if !inWebToken(b) || m.upper && kindOf[b]&isLower != 0 {
			return false
		}
		varied = varied || i > 0 && b != tail[0]
	}
	return varied // xxxxxxxx stands in documentation
}

// hashMarks are how hashes of passwords begin.
var hashMarks = []string{
	"$2a$", "$2b$", "$2y$", "$argon2", "$1$", "$5$", "$6$", "$y$", "$7$", "$scrypt$", "$pbkdf2", "$apr1$",
	"pbkdf2_sha", "pbkdf2:sha", "bcrypt$", "bcrypt_sha256$", "argon2$", "scrypt:", "SCRAM-SHA-256$", "{SSHA}", "{SHA}", "{CRYPT}", "{bcrypt}",
}

// isPasswordHash knows the forms of crypt, PHC, Django, Werkzeug, LDAP and
// PostgreSQL.
func isPasswordHash(value []byte, c *counts) bool {
	if c.length < 24 || c.blanks > 0 {
		return false
	}
	if c.length == 35 && string(value[:3]) == "md5" && c.hex+c.digits >= 32 && allHex(value[3:]) {
		return true // PostgreSQL's own before SCRAM
	}
	for _, m := range hashMarks {
		if value[0] == m[0] && len(value) > len(m) && string(value[:len(m)]) == m {
			return c.dollars >= 2 || value[0] != '$'
		}
	}
	return false
}

func allHex(text []byte) bool {
	for _, b := range text {
		if !isHex(b) {
			return false
		}
	}
	return true
}
