package classify

// numberShapes looks for what is made of digits: telephone, card, bank account,
// social security number, coordinates.
func numberShapes(value []byte, c *counts) ShapeSet {
	var s ShapeSet
	switch {
	case value[0] == '+' && c.letters == 0:
		if isPhone(value, c) {
			s |= Phone.set()
		}
	case c.letters == 0 && c.digits >= 13 && c.digits <= 19 && c.digits+c.blanks+c.dashes == c.length:
		if isCard(value) {
			s |= Card.set()
		}
	case c.length >= 15 && c.digits >= 2 && c.upper >= 2 && c.lower == 0 && c.rest == c.blanks:
		if isIBAN(value) {
			s |= IBAN.set()
		}
	case c.length == 11 && c.digits == 9 && c.dashes == 2:
		if isSocialSecurity(value) {
			s |= NationalID.set()
		}
	}
	if c.letters == 0 && c.dots > 0 && c.dots <= 2 {
		s |= coordinateShapes(value)
	}
	return s
}

// callingCodes are the country codes of E.164, by length. Of three digits those
// are listed whose first two are no code by themselves.
const (
	oneDigitCodes  = "17"
	twoDigitCodes  = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
	threeDigitTens = " 21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 "
)

// isPhone: a plus, the code of a country, 8 to 15 digits in all, possibly
// grouped by single blanks, dashes, dots or brackets.
func isPhone(value []byte, c *counts) bool {
	if c.digits < 8 || c.digits > 15 || c.length-c.digits > 8 || value[c.length-1] == '-' {
		return false
	}
	for _, b := range value[1:] {
		if !digit(b) && b != ' ' && b != '-' && b != '(' && b != ')' && b != '.' {
			return false
		}
	}
	if !digit(value[1]) || c.dots == 1 { // a number with a fraction
		return false
	}
	return value[1] == '1' || value[1] == '7' || digit(value[2]) && (listed(twoDigitCodes, value[1:3]) || listed(threeDigitTens, value[1:3]))
}

// listed reports whether a word of two bytes stands in a list.
func listed(list string, word []byte) bool {
	for i := 1; i+2 < len(list); i += 3 {
		if list[i] == word[0] && list[i+1] == word[1] {
			return true
		}
	}
	return false
}

// isCard: an issuer's prefix with one of its lengths, and the check digit of
// ISO 7812 (Luhn). Digits may be grouped by single blanks or dashes.
func isCard(value []byte) bool {
	var digits [19]byte
	n := 0
	for i, b := range value {
		if digit(b) {
			digits[n] = b - '0'
			n++
		} else if i == 0 || !digit(value[i-1]) {
			return false
		}
	}
	return issuerOf(digits[:n]) && luhn(digits[:n])
}

// issuerOf knows the ranges of the large issuers (ISO 7812).
func issuerOf(d []byte) bool {
	two, four := int(d[0])*10+int(d[1]), int(d[0])*1000+int(d[1])*100+int(d[2])*10+int(d[3])
	three, n := four/10, len(d)
	switch {
	case d[0] == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34, two == 37: // American Express
		return n == 15
	case four == 6011, three >= 644 && three <= 649, two == 65: // Discover
		return n == 16 || n == 19
	case four >= 3528 && four <= 3589: // JCB
		return n == 16 || n == 19
	case three >= 300 && three <= 305, two == 36, two == 38, two == 39: // Diners Club
		return n == 14 || n == 16
	case two == 62: // UnionPay
		return n >= 16
	}
	return false
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i])
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// isSocialSecurity: AAA-GG-SSSS without the areas, groups and serials that
// are never given out.
func isSocialSecurity(v []byte) bool {
	for i, b := range v {
		if (i == 3 || i == 6) != (b == '-') || b != '-' && !digit(b) {
			return false
		}
	}
	area, group, serial := string(v[:3]), string(v[4:6]), string(v[7:])
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}

// coordinateShapes: degrees with four to fifteen places, alone or as a pair,
// possibly in brackets as PostgreSQL writes a point.
func coordinateShapes(value []byte) ShapeSet {
	if len(value) > 2 && value[0] == '(' && value[len(value)-1] == ')' {
		value = value[1 : len(value)-1]
	}
	rest, ok := degrees(value, 180)
	if !ok {
		return 0
	}
	if len(rest) == 0 {
		return Coordinate.set()
	}
	if rest[0] != ',' && rest[0] != ' ' && rest[0] != ';' {
		return 0
	}
	if rest, ok = degrees(trim(rest[1:]), 180); ok && len(rest) == 0 {
		return Coordinates.set()
	}
	return 0
}

// degrees reads a number with a fraction from the beginning of a text.
func degrees(text []byte, most int) (rest []byte, ok bool) {
	i := 0
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		i++
	}
	whole, first := 0, i
	for ; i < len(text) && digit(text[i]) && i-first < 4; i++ {
		whole = whole*10 + int(text[i]-'0')
	}
	if i == first || i == len(text) || text[i] != '.' || whole > most {
		return nil, false
	}
	point := i
	for i++; i < len(text) && digit(text[i]); i++ {
	}
	places := i - point - 1
	return text[i:], places >= 4 && places <= 15
}
