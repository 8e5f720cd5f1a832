package classify_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// synthetic makes columns of values that belong to nobody; the same ones for
// every run.
type synthetic struct{ *rand.Rand }

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	figure = "0123456789"
)

func (s synthetic) from(letters string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(letters[s.IntN(len(letters))])
	}
	return b.String()
}

func (s synthetic) digits(n int) string { return s.from("123456789", 1) + s.from(figure, n-1) }

func (s synthetic) one(of ...string) string { return of[s.IntN(len(of))] }

func (s synthetic) hex(n int) string { return s.from("0123456789abcdef", n) }

func (s synthetic) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.IntN(256))
	}
	return b
}

func (s synthetic) word() string {
	return s.one("camera", "garden", "the", "is", "broken", "and", "light", "of", "kitchen", "after", "update", "please", "again", "works")
}

func (s synthetic) sentence(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = s.word()
	}
	return strings.Join(words, " ") + "."
}

func (s synthetic) email() string {
	return s.one("ada", "ben.costa", "c.dubois", "elif") + s.from(figure, 4) + "@" + s.one("example.com", "mail.example.org", "example.co.uk")
}

func (s synthetic) card() string {
	number := s.one("4", "51", "34", "6011", "36", "62") + ""
	length := map[string]int{"34": 15, "36": 14}[number]
	if length == 0 {
		length = 16
	}
	number += s.from(figure, length-1-len(number))
	for check := range 10 {
		if got := number + fmt.Sprint(check); luhn(got) {
			return got
		}
	}
	panic("no check digit")
}

func luhn(number string) bool {
	sum := 0
	for i := range number {
		v := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			v = v*2 - 9*(v/5)
		}
		sum += v
	}
	return sum%10 == 0
}

func (s synthetic) iban(good bool) string {
	rest := s.from(figure, 18)
	if !good {
		return "DE" + s.from(figure, 2) + rest
	}
	mod := 0
	for _, b := range rest + "131400" {
		mod = (mod*10 + int(b-'0')) % 97
	}
	return fmt.Sprintf("DE%02d%s", 98-mod, rest)
}

func (s synthetic) jwt() string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"typ":"JWT","alg":"HS256"}`) + "." + part(`{"sub":"`+s.digits(8)+`"}`) + "." + part(string(s.bytes(32)))
}

func (s synthetic) uuid() string {
	h := s.hex(32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

func (s synthetic) pairs(n int, sign string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = hex.EncodeToString(s.bytes(1))
	}
	return strings.Join(parts, sign)
}

// column is a kind of column with how its values are made.
type column struct {
	name string
	make func(s synthetic) string
}

func columns() []column {
	alnum := lower + upper + figure
	return []column{
		{"email", synthetic.email},
		{"email in free text", func(s synthetic) string { return s.sentence(3) + " Write to " + s.email() + ", " + s.sentence(2) }},
		{"free text, one in 200 with an email", func(s synthetic) string {
			if s.IntN(200) == 0 {
				return s.sentence(3) + " Mail: " + s.email()
			}
			return s.sentence(6)
		}},
		{"E.164", func(s synthetic) string { return "+" + s.one("1", "49", "353", "81") + s.digits(9) }},
		{"E.164 grouped", func(s synthetic) string { return "+1 (" + s.digits(3) + ") " + s.digits(3) + "-" + s.from(figure, 4) }},
		{"US phone no plus (415-555-0000)", func(s synthetic) string { return s.digits(3) + "-" + s.digits(3) + "-" + s.from(figure, 4) }},
		{"bigint id", func(s synthetic) string { return fmt.Sprint(1 + s.IntN(1_000_000)) }},
		{"epoch ms 13 digits", func(s synthetic) string { return fmt.Sprint(1_500_000_000_000 + s.Int64N(200_000_000_000)) }},
		{"order number 16 digits", func(s synthetic) string { return s.digits(16) }},
		{"card", synthetic.card},
		{"card grouped", func(s synthetic) string {
			c := s.card() + "  "
			return strings.TrimSpace(c[:4] + "-" + c[4:8] + "-" + c[8:])
		}},
		{"IPv4", func(s synthetic) string {
			return fmt.Sprintf("%d.%d.%d.%d", 1+s.IntN(223), s.IntN(256), s.IntN(256), 1+s.IntN(254))
		}},
		{"IPv4 of one office", func(s synthetic) string { return fmt.Sprintf("10.20.%d.%d", s.IntN(4), 1+s.IntN(254)) }},
		{"IPv6", func(s synthetic) string { return fmt.Sprintf("2001:db8:%x::%x", s.IntN(65536), s.IntN(65536)) }},
		{"firmware 4.9.6.241", func(s synthetic) string {
			return fmt.Sprintf("4.%d.%d.%d", s.IntN(12), s.IntN(10), s.IntN(400))
		}},
		{"firmware 4.9.6.x, small numbers", func(s synthetic) string {
			return fmt.Sprintf("4.%d.%d.%d", s.IntN(12), s.IntN(10), s.IntN(250))
		}},
		{"version 1.22.3", func(s synthetic) string { return fmt.Sprintf("%d.%d.%d", s.IntN(4), s.IntN(30), s.IntN(9)) }},
		{"MAC", func(s synthetic) string { return s.pairs(6, ":") }},
		{"MAC with dashes", func(s synthetic) string { return strings.ToUpper(s.pairs(6, "-")) }},
		{"time of day", func(s synthetic) string { return fmt.Sprintf("%02d:%02d:%02d", s.IntN(24), s.IntN(60), s.IntN(60)) }},
		{"timestamp", func(s synthetic) string {
			return fmt.Sprintf("2019-12-%02d %02d:%02d:%02d.%06d+00", 1+s.IntN(28), s.IntN(24), s.IntN(60), s.IntN(60), s.IntN(1_000_000))
		}},
		{"SSN", func(s synthetic) string {
			return fmt.Sprintf("%03d-%02d-%04d", 1+s.IntN(665), 1+s.IntN(99), 1+s.IntN(9999))
		}},
		{"git sha1", func(s synthetic) string { return s.hex(40) }},
		{"md5 of something", func(s synthetic) string { return s.hex(32) }},
		{"sha256 with its name", func(s synthetic) string { return "sha256:" + s.hex(64) }},
		{"api token base62 x40", func(s synthetic) string { return s.from(alnum, 40) }},
		{"api token base64url x43", func(s synthetic) string { return base64.RawURLEncoding.EncodeToString(s.bytes(32)) }},
		{"ghp_ token", func(s synthetic) string { return "ghp_" + s.from(alnum, 36) }},
		{"AWS access key", func(s synthetic) string { return "AKIA" + s.from(upper+"234567", 16) }},
		{"Alexa token", func(s synthetic) string { return s.one("Atza|", "Atzr|") + s.from(alnum, 80) }},
		{"JWT", synthetic.jwt},
		{"free text, one in 500 with a JWT", func(s synthetic) string {
			if s.IntN(500) == 0 {
				return "Authorization: Bearer " + s.jwt()
			}
			return s.sentence(6)
		}},
		{"bcrypt", func(s synthetic) string { return "$2b$12$" + s.from(alnum+"./", 53) }},
		{"argon2", func(s synthetic) string {
			return "$argon2id$v=19$m=65536,t=3,p=4$" + s.from(alnum, 22) + "$" + s.from(alnum, 43)
		}},
		{"private key", func(s synthetic) string {
			return "-----BEGIN EC PRIVATE KEY-----\n" + s.from(alnum+"+/", 64) + "\n-----END EC PRIVATE KEY-----"
		}},
		{"certificate", func(s synthetic) string {
			return "-----BEGIN CERTIFICATE-----\n" + s.from(alnum+"+/", 64) + "\n-----END CERTIFICATE-----"
		}},
		{"database URL", func(s synthetic) string { return "postgres://app:" + s.from(alnum, 12) + "@db.example.net/shop" }},
		{"uuid v4", synthetic.uuid},
		{"S3 url", func(s synthetic) string {
			return "https://bucket.s3.amazonaws.com/clips/" + s.hex(16) + "/" + s.digits(6) + ".mp4"
		}},
		{"file name", func(s synthetic) string { return s.word() + "_" + s.digits(4) + s.one(".png", "@2x.png", ".jpg") }},
		{"repository", func(s synthetic) string { return "git@git.example.com:" + s.word() + "/" + s.word() + ".git" }},
		{"package", func(s synthetic) string {
			return "@" + s.word() + "/" + s.word() + "@" + fmt.Sprintf("%d.%d.%d", s.IntN(9), s.IntN(9), s.IntN(9))
		}},
		{"base64 thumbnail x200", func(s synthetic) string { return "/9j/" + base64.StdEncoding.EncodeToString(s.bytes(147)) }},
		{"free text", func(s synthetic) string { return s.sentence(8) }},
		{"slug", func(s synthetic) string {
			return s.word() + "-" + s.word() + "-" + s.word() + "-" + s.word() + "-" + s.digits(3)
		}},
		{"sku", func(s synthetic) string { return "CAM-V2-" + s.from(upper, 3) + "-" + s.digits(4) }},
		{"state", func(s synthetic) string { return s.one("California", "Texas", "Bayern", "active", "pending") }},
		{"country", func(s synthetic) string { return s.one("US", "DE", "FR") }},
		{"latitude 37.774929", func(s synthetic) string { return fmt.Sprintf("%.6f", s.Float64()*180-90) }},
		{"coordinates", func(s synthetic) string { return fmt.Sprintf("%.6f,%.6f", s.Float64()*180-90, s.Float64()*360-180) }},
		{"point", func(s synthetic) string { return fmt.Sprintf("(%.6f,%.6f)", s.Float64()*180-90, s.Float64()*360-180) }},
		{"weight 70.2", func(s synthetic) string { return fmt.Sprintf("%.1f", 50+s.Float64()*50) }},
		{"measurement 0.123456", func(s synthetic) string { return fmt.Sprintf("%.6f", s.Float64()) }},
		{"SSID", func(s synthetic) string { return s.one("FRITZ!Box ", "NETGEAR-", "linksys") + s.hex(4) }},
		{"IBAN", func(s synthetic) string { return s.iban(true) }},
		{"IBAN-shaped, any check digits", func(s synthetic) string { return s.iban(false) }},
		{"JSON with an email", func(s synthetic) string { return `{"to": "` + s.email() + `", "n": ` + s.digits(3) + `}` }},
		{"price", func(s synthetic) string { return fmt.Sprintf("%d.%02d", s.IntN(900), s.IntN(100)) }},
		{"user agent", func(s synthetic) string {
			return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/%d.36 Chrome/%d.0.%d.%d Safari/537.36", s.IntN(600), s.IntN(120), s.IntN(5000), s.IntN(200))
		}},
	}
}
