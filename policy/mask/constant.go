package mask

import (
	"bytes"
	"encoding/hex"
	stdjson "encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"unicode/utf8"
)

// constantOf reads a constant for a type, and returns what the type prints and
// sends of it.
func constantOf(value string, t Type) (asText, asBinary []byte, err error) {
	bad := func() ([]byte, []byte, error) {
		return nil, nil, fmt.Errorf("the constant %q is no value of %s as PostgreSQL prints one", value, t.words())
	}
	if !utf8.ValidString(value) || bytes.IndexByte([]byte(value), 0) >= 0 {
		return bad()
	}
	f := t.family()
	if f.isText() {
		return []byte(value), []byte(value), tooLong(value, t)
	}
	if f == other {
		return nil, nil, fmt.Errorf("there is no constant for %s; use null", t.words())
	}
	asBinary, err = binaryOf([]byte(value), f)
	if err != nil {
		return bad()
	}
	if f == numeric {
		if err := numericFits(value, t); err != nil {
			return nil, nil, err
		}
	}
	return []byte(value), asBinary, nil
}

// numericFits says whether a number has no more digits than the type takes.
func numericFits(value string, t Type) error {
	all, behind := t.precision()
	d, ok := readDecimal(nil, []byte(value))
	if all == 0 || !ok {
		return nil
	}
	if len(bytes.TrimLeft(d.digits[:len(d.digits)-d.scale], "0")) > all-behind {
		return fmt.Errorf("the constant has too many digits for %s", t.words())
	}
	return nil
}

// binaryOf is what the type sends for a value that it prints as v.
func binaryOf(v []byte, f family) ([]byte, error) {
	switch f {
	case boolean:
		return binaryBool(v)
	case int2, int4, int8:
		n, err := readInteger(v)
		if err != nil {
			return nil, err
		}
		return appendInteger(nil, n, f)
	case float4, float8:
		return appendFloat(nil, v, f)
	case numeric:
		return appendNumeric(nil, v)
	case date, timestamp, timestamptz:
		at, err := readTime(v, f)
		if err != nil {
			return nil, err
		}
		return appendTimeBinary(nil, at, f), nil
	case uuid, bytea, macaddr:
		return binaryOctets(v, f)
	case json, jsonb:
		if !stdjson.Valid(v) {
			return nil, errBadText
		}
		if f == jsonb {
			return append([]byte{jsonbVersion}, v...), nil
		}
		return v, nil
	case inet:
		return binaryInet(v)
	}
	return nil, errBadText
}

// jsonbVersion is the byte before the text of a jsonb in binary (jsonb_send).
const jsonbVersion = 1

func binaryBool(v []byte) ([]byte, error) {
	switch string(v) {
	case "t":
		return []byte{1}, nil
	case "f":
		return []byte{0}, nil
	}
	return nil, errBadText
}

func binaryOctets(v []byte, f family) ([]byte, error) {
	switch f {
	case uuid:
		var id [16]byte
		err := readUUID(&id, v)
		return id[:], err
	case macaddr:
		var mac [6]byte
		err := readMAC(&mac, v)
		return mac[:], err
	}
	if !bytes.HasPrefix(v, []byte(`\x`)) {
		return nil, errBadText
	}
	return hex.DecodeString(string(v[2:]))
}

// binaryInet is what inet_send writes: family (2 or 3), bits, whether it is a
// cidr, the number of bytes, the bytes.
func binaryInet(v []byte) ([]byte, error) {
	host, bits, masked := bytes.Cut(v, []byte("/"))
	addr, err := netip.ParseAddr(string(host))
	if err != nil || addr.Zone() != "" {
		return nil, errBadText
	}
	n := addr.BitLen()
	if masked {
		if n, err = strconv.Atoi(string(bits)); err != nil || n < 0 || n > addr.BitLen() {
			return nil, errBadText
		}
	}
	kind := byte(2)
	if addr.Is6() {
		kind = 3
	}
	raw := addr.AsSlice()
	return append([]byte{kind, byte(n), 0, byte(len(raw))}, raw...), nil
}
