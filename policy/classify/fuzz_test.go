package classify_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/classify"
)

// FuzzLook holds the validators against slower judges: net/netip, and regular
// expressions for what they can say.
func FuzzLook(f *testing.F) {
	for _, text := range []string{
		"a@example.com", "+49 30 123456", "10.0.0.1/8", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "00:11:22:33:44:55",
		"4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "078-05-1120", "eyJhbGciOiJIUzI1NiJ9.e30.x", "-----BEGIN PRIVATE KEY-----",
		"postgres://a:bcd@e/f", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "$2b$12$abcdefghijklmnopqrstuv", "(1.12345,-2.12345)", "\x00\xff", "@.", "://:@",
	} {
		f.Add(text)
	}
	ipv4 := regexp.MustCompile(`^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$`)
	uuid := regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	email := regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)
	f.Fuzz(func(t *testing.T, text string) {
		got := classify.Look([]byte(text))
		inner := strings.Trim(text, " \t\r\n")
		addr, err := netip.ParseAddr(inner)
		if want := err == nil && addr.Is4() && ipv4.MatchString(inner); want && !got.Has(classify.IPv4) && len(inner) >= 7 {
			t.Errorf("%q is an IPv4 address", text)
		}
		if got.Has(classify.IPv4) && !strings.Contains(inner, "/") && err != nil {
			t.Errorf("%q is no IPv4 address: %v", text, err)
		}
		if got.Has(classify.IPv6) && !strings.ContainsAny(inner, "/%") && (err != nil || !addr.Is6()) {
			t.Errorf("%q is no IPv6 address: %v", text, err)
		}
		if err == nil && addr.Is6() && addr.Zone() == "" && inner != "::" && !got.Has(classify.IPv6) && !strings.HasPrefix(inner, "::ffff:") && !strings.Contains(inner, ".") {
			t.Errorf("%q is an IPv6 address", text)
		}
		if got.Has(classify.UUID) != uuid.MatchString(inner) && len(inner) <= 64 && got&(1<<classify.MAC) == 0 {
			t.Errorf("%q: UUID is %v", text, got.Has(classify.UUID))
		}
		if got.Has(classify.Email) && !email.MatchString(inner) {
			t.Errorf("%q is no e-mail address", text)
		}
		if trace := classify.Trace([]byte(text)); len(inner) >= 6 && trace&^got != 0 {
			t.Errorf("%q: %b by itself and %b in full", text, trace, got)
		}
	})
}

// FuzzRow feeds streams that are cut anywhere.
func FuzzRow(f *testing.F) {
	f.Add([]byte("a\\tb\t\\N\t\\x41\\101\n"), uint8(1))
	f.Add([]byte("a,\"b\"\",\n\",,\"\"\n"), uint8(2))
	f.Add([]byte("\x00\x02\xff\xff\xff\xff\x00\x00\x00\x01a"), uint8(0))
	f.Add([]byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x02ex\x00\x00"), uint8(0))
	f.Fuzz(func(t *testing.T, row []byte, layout uint8) {
		before := string(row)
		s := classify.NewSampler(classify.SamplerOptions{Layout: classify.Layout(layout % 3), Head: 2, Every: 2, MaxColumns: 8})
		for range 6 {
			s.Row(row)
		}
		for _, found := range s.Findings(nil) {
			for _, one := range found.Suggestions {
				for _, e := range one.Evidence {
					if e.Hits > e.Of || e.Of > 6 {
						t.Errorf("%d of %d", e.Hits, e.Of)
					}
				}
			}
		}
		if string(row) != before {
			t.Error("the row was changed")
		}
	})
}
