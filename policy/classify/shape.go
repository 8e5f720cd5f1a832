package classify

// Shape is a form that a value can have.
type Shape uint8

// The forms.
const (
	// Email is an e-mail address and nothing else.
	Email Shape = iota
	// EmailInside is a longer text with an e-mail address in it.
	EmailInside
	// Phone is a telephone number with its country (E.164, with a plus).
	Phone
	IPv4
	IPv6
	// MAC is a hardware address of 48 or 64 bits.
	MAC
	// Card is the number of a payment card: issuer, length and check digit.
	Card
	// IBAN has its country's length and the check digits of ISO 7064.
	IBAN
	// NationalID is a social security number of the United States.
	NationalID
	// Token is or has in it a JSON web token, or a token with the prefix of
	// the service that issued it.
	Token
	// PasswordHash is a hash in one of the forms made for passwords.
	PasswordHash
	// PrivateKey has a private key in PEM in it.
	PrivateKey
	// Login is a URL with a password in it.
	Login
	UUID
	// Digest is as many hex digits as a common hash function gives.
	Digest
	// Random is one long word of letters and digits without any order.
	Random
	// Coordinate is a number that could be a latitude or longitude.
	Coordinate
	// Coordinates are two of them.
	Coordinates
	shapes
)

// ShapeSet is a set of forms.
type ShapeSet uint32

// Has reports whether a form is in the set.
func (s ShapeSet) Has(one Shape) bool { return s&one.set() != 0 }

func (s Shape) set() ShapeSet { return 1 << s }

// meaning says what a form says of a column.
type meaning struct {
	class string // empty if it says nothing by itself
	// word is what one value is, words what several are.
	word, words string
	strength    Strength
}

var meanings = [shapes]meaning{
	Email:        {"contact.email", "an e-mail address", "e-mail addresses", Sure},
	EmailInside:  {"contact.email", "a text with an e-mail address in it", "texts with an e-mail address in them", Sure},
	Phone:        {"contact.phone", "a telephone number", "telephone numbers", Likely},
	IPv4:         {"network.ip", "an IPv4 address", "IPv4 addresses", Likely},
	IPv6:         {"network.ip", "an IPv6 address", "IPv6 addresses", Sure},
	MAC:          {"network.mac", "a hardware address", "hardware addresses", Sure},
	Card:         {"finance.card", "the number of a payment card", "numbers of payment cards", Sure},
	IBAN:         {"finance.iban", "an IBAN", "IBANs", Sure},
	NationalID:   {"person.national_id", "formed like a social security number", "formed like social security numbers", Likely},
	Token:        {"secret.token", "a token of a known form", "tokens of known forms", Sure},
	PasswordHash: {"secret.password", "the hash of a password", "hashes of passwords", Sure},
	PrivateKey:   {"secret.key", "a private key", "private keys", Sure},
	Login:        {"secret.password", "a URL with a password in it", "URLs with a password in them", Sure},
	UUID:         {"", "a UUID", "UUIDs", Question},
	Digest:       {"", "a digest", "digests", Question},
	Random:       {"secret.token", "a word without any order", "words without any order", Question},
	Coordinate:   {"", "formed like a coordinate", "formed like coordinates", Question},
	Coordinates:  {"location.position", "a pair of coordinates", "pairs of coordinates", Likely},
}

// credentials are the forms that count by a single hit.
const credentials = ShapeSet(1<<Token | 1<<PasswordHash | 1<<PrivateKey | 1<<Login)

// anywhere are the forms that are reported however few values have them.
const anywhere = credentials | 1<<Email | 1<<EmailInside

// maxLook is how much of a value is looked at, in bytes.
const maxLook = 64 << 10

// Look says which forms a value has. It allocates nothing.
func Look(value []byte) ShapeSet {
	value = trim(value[:min(len(value), maxLook)])
	if len(value) < 6 {
		return shortShapes(value)
	}
	var s ShapeSet
	c := census(value)
	s |= secretShapes(value, &c)
	s |= emailShapes(value, &c)
	if len(value) <= 64 {
		s |= numberShapes(value, &c)
		s |= addressShapes(value, &c)
	}
	if s == 0 {
		s = opaqueShape(value, &c)
	}
	return s
}

// Trace says which of the forms a value has that count by a single hit.
func Trace(value []byte) ShapeSet {
	value = trim(value[:min(len(value), maxLook)])
	c := census(value)
	return secretShapes(value, &c) | emailShapes(value, &c)
}

// shortShapes judges what is too short for nearly all forms.
func shortShapes(value []byte) ShapeSet {
	if len(value) > 0 && isIPv6(value) {
		return IPv6.set()
	}
	return 0
}

// trim cuts blanks from both ends.
func trim(value []byte) []byte {
	for len(value) > 0 && isBlank(value[0]) {
		value = value[1:]
	}
	for len(value) > 0 && isBlank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
