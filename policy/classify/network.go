package classify

// addressShapes looks for addresses of networks and for UUIDs.
func addressShapes(value []byte, c *counts) ShapeSet {
	switch {
	case c.dots == 3 && c.letters == 0:
		if _, ok := readIPv4(value); ok {
			return IPv4.set()
		}
	case c.digits+c.hex < c.length-c.rest: // a letter beyond f
		return 0
	case isMAC(value, c):
		return MAC.set()
	case c.colons >= 2 && isIPv6(value):
		return IPv6.set()
	case c.dashes == 4 && c.length == 36 && isUUID(value):
		return UUID.set()
	}
	return 0
}

// readIPv4 reads four numbers up to 255 without leading zeros, possibly with
// the bits of a network behind them.
func readIPv4(value []byte) (octets [4]byte, ok bool) {
	i := 0
	for part := range octets {
		if part > 0 {
			if i == len(value) || value[i] != '.' {
				return octets, false
			}
			i++
		}
		n, first := 0, i
		for ; i < len(value) && digit(value[i]) && i-first < 3; i++ {
			n = n*10 + int(value[i]-'0')
		}
		if i == first || n > 255 || i-first > 1 && value[first] == '0' {
			return octets, false
		}
		octets[part] = byte(n)
	}
	return octets, isPrefix(value[i:], 32)
}

// isPrefix reports whether a text is empty or /N with N up to most.
func isPrefix(text []byte, most int) bool {
	if len(text) == 0 {
		return true
	}
	if text[0] != '/' || len(text) < 2 || len(text) > 4 {
		return false
	}
	n := 0
	for _, b := range text[1:] {
		if !digit(b) {
			return false
		}
		n = n*10 + int(b-'0')
	}
	return n <= most
}

// isIPv6 reads groups of up to four hex digits; one gap may stand for any
// number of them (RFC 4291). Without a gap there are eight, so that a time of
// day is none.
func isIPv6(value []byte) bool {
	groups, gap, digits, i := 0, false, 0, 0
	for i < len(value) {
		b := value[i]
		switch {
		case isHex(b):
			if digits == 0 {
				groups++
			}
			if digits++; digits > 4 {
				return false
			}
			i++
		case b == ':' && i+1 < len(value) && value[i+1] == ':':
			if gap || i+2 < len(value) && value[i+2] == ':' {
				return false
			}
			gap, digits, i = true, 0, i+2
		case b == ':' && digits > 0 && i+1 < len(value):
			digits, i = 0, i+1
		case b == '/' || b == '%':
			return (gap && groups < 8 || groups == 8) && (b == '%' || isPrefix(value[i:], 128))
		case b == '.' && digits > 0 && gap:
			return mapped(value, i-digits, groups)
		default:
			return false
		}
	}
	return gap && groups >= 1 && groups < 8 || groups == 8 && !gap
}

// mapped reads the IPv4 address at the end of an IPv6 one.
func mapped(value []byte, from, groups int) bool {
	_, ok := readIPv4(value[from:])
	return ok && groups <= 6
}

// isMAC reads six or eight pairs of hex digits with one sign between them, or
// three groups of four with dots.
func isMAC(value []byte, c *counts) bool {
	switch {
	case c.length == 17 && (c.colons == 5 || c.dashes == 5), c.length == 23 && (c.colons == 7 || c.dashes == 7):
		for i, b := range value {
			if i%3 == 2 && b != value[2] || i%3 != 2 && !isHex(b) {
				return false
			}
		}
		return true
	case c.length == 14 && c.dots == 2:
		for i, b := range value {
			if i%5 == 4 && b != '.' || i%5 != 4 && !isHex(b) {
				return false
			}
		}
		return true
	}
	return false
}

func isUUID(value []byte) bool {
	for i, b := range value {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (b == '-') || !dash && !isHex(b) {
			return false
		}
	}
	return true
}
