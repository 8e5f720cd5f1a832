package balancer

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// v2 is a header of version 2 with a body.
func v2(command, family byte, body string) string {
	return signature + string([]byte{command, family, byte(len(body) >> 8), byte(len(body))}) + body
}

const (
	// Addresses of version 2: 192.0.2.7:50000 and 2001:db8::7:50000.
	inet4 = "\xc0\x00\x02\x07\xc6\x33\x64\x01\xc3\x50\x19\x20"
	inet6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xc3\x50\x19\x20"
)

var headers = []struct {
	name, header string
	// client is empty for a connection of the balancer's own.
	client string
}{
	{"v2, IPv4", v2(0x21, 0x11, inet4), "192.0.2.7:50000"},
	{"v2, IPv6", v2(0x21, 0x21, inet6), "[2001:db8::7]:50000"},
	{"v2, IPv4 inside IPv6", v2(0x21, 0x21, strings.Repeat("\x00", 10)+"\xff\xff\xc0\x00\x02\x07"+inet6[16:]), "192.0.2.7:50000"},
	{"v2 with extensions", v2(0x21, 0x11, inet4+"\x03\x00\x04\x01\x02\x03\x04\x20\x00\x00"), "192.0.2.7:50000"},
	{"v2, as many extensions as may be", v2(0x21, 0x11, inet4+strings.Repeat("x", maxRest-len(inet4))), "192.0.2.7:50000"},
	{"v2, local", v2(0x20, 0x00, ""), ""},
	{"v2, local with addresses", v2(0x20, 0x11, inet4), ""},
	{"v1, IPv4", "PROXY TCP4 192.0.2.7 198.51.100.1 50000 6432\r\n", "192.0.2.7:50000"},
	{"v1, IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 50000 6432\r\n", "[2001:db8::7]:50000"},
	{"v1, port 0", "PROXY TCP4 192.0.2.7 198.51.100.1 0 6432\r\n", "192.0.2.7:0"},
	{"v1, unknown", "PROXY UNKNOWN\r\n", ""},
	{"v1, unknown with more", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", ""},
}

// A header is read to its end and no further, however the bytes come.
func TestReadHeader(t *testing.T) {
	const next = "\x00\x00\x00\x08what follows"
	for _, c := range headers {
		for way, slowly := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
		} {
			rest := strings.NewReader(c.header + next)
			got, err := ReadHeader(slowly(rest))
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, way, err)
				continue
			}
			client := ""
			if got.Client.IsValid() {
				client = got.Client.String()
			}
			if client != c.client {
				t.Errorf("%s, %s: client %q, want %q", c.name, way, client, c.client)
			}
			if rest.Len() != len(next) {
				t.Errorf("%s, %s: %d bytes are left, want %d", c.name, way, rest.Len(), len(next))
			}
		}
	}
}

// Every header that breaks off is an error, and only silence is io.EOF.
func TestHeaderBreaksOff(t *testing.T) {
	for _, c := range headers {
		for n := range len(c.header) {
			_, err := ReadHeader(strings.NewReader(c.header[:n]))
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if !errors.Is(err, want) {
				t.Fatalf("%s, cut after %d bytes: got %v, want %v", c.name, n, err, want)
			}
		}
	}
}

func TestNoHeader(t *testing.T) {
	for name, c := range map[string]struct{ bytes, want string }{
		"SSLRequest":                {"\x00\x00\x00\x08\x04\xd2\x16\x2f", "byte 0x00"},
		"TLS":                       {"\x16\x03\x01", "byte 0x16"},
		"a password message":        {"p\x00\x00\x00", "byte 0x70"},
		"nearly version 2":          {"\r\n\r\n\x00\r\nQUIT\r" + "\x21\x11\x00\x00", "neither"},
		"nearly version 1":          {"PROXIES TCP4 192.0.2.7", "neither"},
		"version 3":                 {v2(0x31, 0x11, inet4), "version 3"},
		"unknown command":           {v2(0x22, 0x11, inet4), "command 2"},
		"unspecified family":        {v2(0x21, 0x00, ""), "family 0x00"},
		"UDP":                       {v2(0x21, 0x12, inet4), "family 0x12"},
		"a socket of the machine":   {v2(0x21, 0x31, strings.Repeat("x", 216)), "family 0x31"},
		"too short for IPv4":        {v2(0x21, 0x11, inet4[:11]), "too few"},
		"too short for IPv6":        {v2(0x21, 0x21, inet6[:35]), "too few"},
		"too long":                  {v2(0x21, 0x11, strings.Repeat("x", maxRest+1)), "at most"},
		"nobody":                    {v2(0x21, 0x11, "\x00\x00\x00\x00"+inet4[4:]), "nobody connects"},
		"everybody":                 {v2(0x21, 0x11, "\xe0\x00\x00\x01"+inet4[4:]), "nobody connects"},
		"no line end":               {"PROXY TCP4 " + strings.Repeat("1", 200), "no line end"},
		"no addresses":              {"PROXY TCP4\r\n", "names no TCP addresses"},
		"a field too many":          {"PROXY TCP4 192.0.2.7 198.51.100.1 50000 6432 1\r\n", "names no TCP addresses"},
		"two blanks":                {"PROXY TCP4  192.0.2.7 198.51.100.1 50000\r\n", "no TCP4 address"},
		"other family":              {"PROXY UDP4 192.0.2.7 198.51.100.1 50000 6432\r\n", "names no TCP addresses"},
		"families mixed":            {"PROXY TCP4 2001:db8::7 2001:db8::1 50000 6432\r\n", "no TCP4 address"},
		"IPv4 as IPv6":              {"PROXY TCP6 192.0.2.7 198.51.100.1 50000 6432\r\n", "no TCP6 address"},
		"a zone":                    {"PROXY TCP6 fe80::1%eth0 fe80::2 50000 6432\r\n", "no TCP6 address"},
		"a name":                    {"PROXY TCP4 localhost 198.51.100.1 50000 6432\r\n", "no TCP4 address"},
		"a port too high":           {"PROXY TCP4 192.0.2.7 198.51.100.1 65536 6432\r\n", "no port"},
		"a port with a zero before": {"PROXY TCP4 192.0.2.7 198.51.100.1 080 6432\r\n", "no port"},
		"a port with a sign":        {"PROXY TCP4 192.0.2.7 198.51.100.1 +80 6432\r\n", "no port"},
	} {
		_, err := ReadHeader(strings.NewReader(c.bytes))
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

// Whatever the bytes are, reading ends, takes no byte of what follows a
// header, and names nobody that rules could not judge.
func FuzzReadHeader(f *testing.F) {
	for _, c := range headers {
		f.Add([]byte(c.header))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		h, err := ReadHeader(r)
		used := len(data) - r.Len()
		if used > max(maxText, len(signature)+4+maxRest) {
			t.Fatalf("%d bytes were read", used)
		}
		if err != nil {
			if h != (Header{}) {
				t.Fatalf("a client with an error: %v, %v", h, err)
			}
			return
		}
		if again, err := ReadHeader(bytes.NewReader(data[:used])); err != nil || again != h {
			t.Fatalf("the header alone is read otherwise: %v, %v", again, err)
		}
		if a := h.Client.Addr(); a.IsValid() && (a.Is4In6() || a.Zone() != "") {
			t.Fatalf("client %s", a)
		}
	})
}
