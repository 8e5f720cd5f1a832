package balancer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// ErrMalformed is wrapped by every error about bytes that are no header, or
// one that names no client.
var ErrMalformed = errors.New("malformed PROXY header")

// Header is what a balancer says about a connection.
type Header struct {
	// Client is who connected to the balancer. It is not valid if the
	// connection is the balancer's own, a health check for example.
	Client netip.AddrPort
}

const (
	// signature begins a header of version 2 (section 2.2).
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	// maxText is the length of the longest header of version 1 with its line
	// end, in bytes (section 2.1).
	maxText = 107
	// maxRest bounds addresses and extensions of version 2, in bytes. An
	// extension may hold a certificate's names, never so many.
	maxRest = 4 << 10
)

// ReadHeader reads a header, and not a byte more. The error is io.EOF if the
// peer closed without a word; a header that breaks off is
// io.ErrUnexpectedEOF.
func ReadHeader(r io.Reader) (Header, error) {
	// The first byte tells, so that nobody waits for the rest of what can
	// be no header: a PostgreSQL packet or a TLS handshake.
	start := make([]byte, len(signature))
	if _, err := io.ReadFull(r, start[:1]); err != nil {
		return Header{}, err
	}
	if start[0] != signature[0] && start[0] != 'P' {
		return Header{}, malformed("it begins with byte 0x%02x", start[0])
	}
	if err := readRest(r, start[1:]); err != nil {
		return Header{}, err
	}
	switch {
	case string(start) == signature:
		return readBinary(r)
	case strings.HasPrefix(string(start), "PROXY "):
		return readText(r, start)
	}
	return Header{}, malformed("it is neither version 1 nor version 2")
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// readRest fills p; the peer must not stop in the middle of a header.
func readRest(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Commands and address families of version 2 (section 2.2).
const (
	commandLocal = 0x0
	commandProxy = 0x1
	tcpOverIPv4  = 0x11
	tcpOverIPv6  = 0x21
)

// readBinary reads a header of version 2 behind its signature.
func readBinary(r io.Reader) (Header, error) {
	var fixed [4]byte
	if err := readRest(r, fixed[:]); err != nil {
		return Header{}, err
	}
	version, command, family := fixed[0]>>4, fixed[0]&0x0f, fixed[1]
	length := int(binary.BigEndian.Uint16(fixed[2:]))
	switch {
	case version != 2:
		return Header{}, malformed("version %d", version)
	case command != commandLocal && command != commandProxy:
		return Header{}, malformed("command %d", command)
	case length > maxRest:
		return Header{}, malformed("%d bytes follow, at most %d may", length, maxRest)
	}
	rest := make([]byte, length)
	if err := readRest(r, rest); err != nil {
		return Header{}, err
	}
	if command == commandLocal {
		return Header{}, nil
	}
	return clientOf(family, rest)
}

// clientOf takes the source from the addresses of version 2: source address,
// destination address, source port, destination port.
func clientOf(family byte, addresses []byte) (Header, error) {
	size := 0
	switch family {
	case tcpOverIPv4:
		size = 4
	case tcpOverIPv6:
		size = 16
	default:
		// Unix sockets, UDP, unspecified: no address that rules know.
		return Header{}, malformed("address family 0x%02x", family)
	}
	if len(addresses) < 2*size+4 {
		return Header{}, malformed("%d bytes are too few for its addresses", len(addresses))
	}
	address, _ := netip.AddrFromSlice(addresses[:size])
	return named(address, binary.BigEndian.Uint16(addresses[2*size:]))
}

// readText reads a header of version 1. It ends with a line end that only
// shows when it is read, so it comes byte by byte.
func readText(r io.Reader, start []byte) (Header, error) {
	line := append(make([]byte, 0, maxText), start...)
	for !strings.HasSuffix(string(line), "\r\n") {
		if len(line) == maxText {
			return Header{}, malformed("no line end in %d bytes", maxText)
		}
		if err := readRest(r, line[len(line):len(line)+1]); err != nil {
			return Header{}, err
		}
		line = line[:len(line)+1]
	}
	text := string(line[:len(line)-2])
	if text == "PROXY UNKNOWN" || strings.HasPrefix(text, "PROXY UNKNOWN ") {
		return Header{}, nil
	}
	fields := strings.Split(text, " ")
	if len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6" {
		return Header{}, malformed("a line of version 1 that names no TCP addresses")
	}
	return parseText(fields[1], fields[2], fields[4])
}

// parseText reads the source of a line: an address of the family, and a port
// without leading zeros.
func parseText(family, address, port string) (Header, error) {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Zone() != "" || addr.Is4() != (family == "TCP4") {
		return Header{}, malformed("the source is no %s address", family)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return Header{}, malformed("the source port is no port")
	}
	return named(addr, uint16(n))
}

// named refuses what nobody can connect from.
func named(address netip.Addr, port uint16) (Header, error) {
	address = address.Unmap()
	if address.IsUnspecified() || address.IsMulticast() {
		return Header{}, malformed("nobody connects from %s", address)
	}
	return Header{netip.AddrPortFrom(address, port)}, nil
}
