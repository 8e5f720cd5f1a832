package mask

import (
	"bytes"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// The uses of a key. One and the same value in a text and in a uuid has
// nothing in common, as nothing joins them.
const (
	useText    = "text"
	useInteger = "integer"
	useUUID    = "uuid"
	useBytes   = "bytes"
	useMAC     = "macaddr"
)

func newPseudonym(m Mask, t Type) (changer, error) {
	f := t.family()
	switch {
	case f.isText():
		return &nameless{hash: newPRF(m.Key.derive(useText, m.Domain)), family: f, as: m.As, fold: m.Fold}, nil
	case f.in(int4, int8, numeric):
		p, err := newIntegers(m.Key.derive(useInteger, m.Domain))
		return &otherInteger{permutation: p, family: f}, err
	case f == uuid:
		return &otherUUID{hash: newPRF(m.Key.derive(useUUID, m.Domain))}, nil
	case f == bytea:
		return &otherBytes{hash: newPRF(m.Key.derive(useBytes, m.Domain))}, nil
	case f == macaddr:
		return &otherMAC{hash: newPRF(m.Key.derive(useMAC, m.Domain))}, nil
	}
	return nil, fmt.Errorf("there is no pseudonym for %s", t.words())
}

// tokens are written in the letters of RFC 4648, base32, in lower case.
var tokens = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// tokenBytes is how much of the hash a token holds: 80 bits.
const tokenBytes = 10

// nameless is the pseudonym of texts.
type nameless struct {
	hash    *prf
	family  family
	as      Shape
	fold    bool
	scratch []byte
}

func (p *nameless) binary(dst, value []byte) ([]byte, error) { return p.text(dst, value) }

func (p *nameless) text(dst, value []byte) ([]byte, error) {
	value, err := p.normal(value)
	if err != nil || len(value) == 0 {
		return dst, err
	}
	sum := p.hash.of(value)
	dst = tokens.AppendEncode(dst, sum[:tokenBytes])
	if p.as == AsEmail || p.as == AsValue && isAddress(value) {
		dst = append(dst, emailSuffix...)
	}
	return dst, nil
}

// normal is the part of a value that counts.
func (p *nameless) normal(value []byte) ([]byte, error) {
	if p.family == bpchar {
		value = value[:unpadded(value)]
	}
	if p.fold {
		return p.folded(value)
	}
	if p.family == citext {
		return p.lowered(value)
	}
	return value, nil
}

// isAddress tells whether a text has an @ with something on both sides.
func isAddress(value []byte) bool {
	at := bytes.LastIndexByte(value, '@')
	return at > 0 && at < len(value)-1
}

// otherInteger is the pseudonym of integers.
type otherInteger struct {
	permutation *integers
	family      family
	scratch     []byte
}

func (p *otherInteger) text(dst, value []byte) ([]byte, error) {
	n, err := readIntegral(value)
	if err != nil || p.family == int4 && int64(int32(n)) != n {
		return dst, errBadText
	}
	return p.print(dst, n), nil
}

func (p *otherInteger) print(dst []byte, n int64) []byte {
	return appendDecimalInteger(dst, p.permutation.of(n))
}

func (p *otherInteger) binary(dst, value []byte) ([]byte, error) {
	if p.family != numeric {
		n, err := integerOf(value, p.family)
		if err != nil {
			return dst, err
		}
		return appendInteger(dst, p.permutation.of(n), p.family)
	}
	var err error
	if p.scratch, err = numericText(p.scratch[:0], value); err != nil {
		return dst, err
	}
	n, err := readIntegral(p.scratch)
	if err != nil {
		return dst, err
	}
	p.scratch = p.print(p.scratch[:0], n)
	return appendNumeric(dst, p.scratch)
}

// otherUUID is the pseudonym of UUIDs, one of version 8 (RFC 9562, 5.8).
type otherUUID struct {
	hash *prf
	id   [16]byte
}

func (p *otherUUID) text(dst, value []byte) ([]byte, error) {
	if err := readUUID(&p.id, value); err != nil {
		return dst, err
	}
	p.replace()
	return appendUUID(dst, &p.id), nil
}

func (p *otherUUID) binary(dst, value []byte) ([]byte, error) {
	if len(value) != len(p.id) {
		return dst, errBadBinary
	}
	copy(p.id[:], value)
	p.replace()
	return append(dst, p.id[:]...), nil
}

func (p *otherUUID) replace() {
	copy(p.id[:], p.hash.of(p.id[:]))
	p.id[6] = p.id[6]&0x0f | 0x80
	p.id[8] = p.id[8]&0x3f | 0x80
}

// readUUID reads what uuid_out prints.
func readUUID(id *[16]byte, v []byte) error {
	if len(v) != 36 || v[8] != '-' || v[13] != '-' || v[18] != '-' || v[23] != '-' {
		return errBadText
	}
	at := 0
	for _, part := range [...][]byte{v[:8], v[9:13], v[14:18], v[19:23], v[24:]} {
		n, err := hex.Decode(id[at:], part)
		if err != nil {
			return errBadText
		}
		at += n
	}
	return nil
}

func appendUUID(dst []byte, id *[16]byte) []byte {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = appendHex(dst, b)
	}
	return dst
}

func appendHex(dst []byte, b byte) []byte {
	const digits = "0123456789abcdef"
	return append(dst, digits[b>>4], digits[b&15])
}

// otherBytes is the pseudonym of bytea: 16 bytes. No bytes stay none.
type otherBytes struct {
	hash    *prf
	scratch []byte
}

// bytesLength is how many bytes take the place of a bytea.
const bytesLength = 16

func (p *otherBytes) text(dst, value []byte) ([]byte, error) {
	if !bytes.HasPrefix(value, []byte(`\x`)) {
		return dst, errBadText
	}
	var err error
	if p.scratch, err = hex.AppendDecode(p.scratch[:0], value[2:]); err != nil {
		return dst, errBadText
	}
	dst = append(dst, `\x`...)
	if len(p.scratch) == 0 {
		return dst, nil
	}
	return hex.AppendEncode(dst, p.hash.of(p.scratch)[:bytesLength]), nil
}

func (p *otherBytes) binary(dst, value []byte) ([]byte, error) {
	if len(value) == 0 {
		return dst, nil
	}
	return append(dst, p.hash.of(value)[:bytesLength]...), nil
}

// otherMAC is the pseudonym of macaddr: a locally administered address of one
// station (IEEE 802, 8.4: bit 1 of the first byte set, bit 0 not).
type otherMAC struct {
	hash *prf
	mac  [6]byte
}

func (p *otherMAC) text(dst, value []byte) ([]byte, error) {
	if err := readMAC(&p.mac, value); err != nil {
		return dst, err
	}
	p.replace()
	for i, b := range p.mac {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = appendHex(dst, b)
	}
	return dst, nil
}

// readMAC reads what macaddr_out prints.
func readMAC(mac *[6]byte, v []byte) error {
	if len(v) != len("00:00:00:00:00:00") {
		return errBadText
	}
	for i := range mac {
		if i > 0 && v[3*i-1] != ':' {
			return errBadText
		}
		if _, err := hex.Decode(mac[i:i+1], v[3*i:3*i+2]); err != nil {
			return errBadText
		}
	}
	return nil
}

func (p *otherMAC) binary(dst, value []byte) ([]byte, error) {
	if len(value) != len(p.mac) {
		return dst, errBadBinary
	}
	copy(p.mac[:], value)
	p.replace()
	return append(dst, p.mac[:]...), nil
}

func (p *otherMAC) replace() {
	sum := p.hash.of(p.mac[:])
	binary.BigEndian.PutUint32(p.mac[:], binary.BigEndian.Uint32(sum))
	binary.BigEndian.PutUint16(p.mac[4:], binary.BigEndian.Uint16(sum[4:]))
	p.mac[0] = p.mac[0]&^1 | 2
}
