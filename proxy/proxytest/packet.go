package proxytest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Codes that stand where a start-up packet has its protocol version.
const (
	codeCancel = 80877102
	codeTLS    = 80877103
	codeGSS    = 80877104
)

// Protocol30 and Protocol32 are the versions a start-up packet asks for.
const (
	Protocol30 uint32 = 3 << 16
	Protocol32 uint32 = 3<<16 | 2
)

// Parameter is one pair of a start-up packet. Packets keep order and
// duplicates, which is why this is no map.
type Parameter struct{ Name, Value string }

// StartupPacket builds a start-up packet for a protocol version.
func StartupPacket(version uint32, parameters ...Parameter) []byte {
	var body []byte
	for _, p := range parameters {
		body = appendCString(body, p.Name)
		body = appendCString(body, p.Value)
	}
	return packet(version, append(body, 0))
}

// TLSRequest builds an SSLRequest.
func TLSRequest() []byte { return packet(codeTLS, nil) }

// GSSRequest builds a GSSENCRequest.
func GSSRequest() []byte { return packet(codeGSS, nil) }

// CancelPacket builds a CancelRequest. Keys have 4 bytes up to protocol 3.0
// and 4 to 256 bytes from 3.2 on; the packet takes whatever it is given.
func CancelPacket(pid uint32, key []byte) []byte {
	return packet(codeCancel, append(binary.BigEndian.AppendUint32(nil, pid), key...))
}

func packet(code uint32, rest []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
	out = binary.BigEndian.AppendUint32(out, code)
	return append(out, rest...)
}

func appendCString(b []byte, s string) []byte {
	b = append(b, s...)
	return append(b, 0)
}

// parseVersion reads "3.0" or "3.9999" as the number of a start-up packet.
func parseVersion(s string) (uint32, error) {
	majorText, minorText, ok := strings.Cut(s, ".")
	major, err1 := strconv.ParseUint(majorText, 10, 16)
	minor, err2 := strconv.ParseUint(minorText, 10, 16)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is no protocol version such as 3.0", s)
	}
	return uint32(major)<<16 | uint32(minor), nil
}

// decodeParameters reads the pairs of a start-up packet.
func decodeParameters(body []byte) ([]Parameter, error) {
	d := &decoder{rest: body}
	var all []Parameter
	for {
		name := d.cstring()
		if d.bad || (name == "" && len(d.rest) > 0) {
			return nil, fmt.Errorf("proxytest: start-up parameters are malformed")
		}
		if name == "" {
			return all, nil
		}
		all = append(all, Parameter{name, d.cstring()})
	}
}
