package credential

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"
)

func TestSecretPrintsNothing(t *testing.T) {
	const value = "hunter2"
	secret := NewSecret(value)
	lease := Lease{ID: "id", Password: secret}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%c"} {
		fmt.Fprintf(&out, verb+"\n", secret)
		fmt.Fprintf(&out, verb+"\n", &secret)
		fmt.Fprintf(&out, verb+"\n", lease)
		fmt.Fprintf(&out, verb+"\n", &lease)
		fmt.Fprintf(&out, verb+"\n", struct{ inner Secret }{secret})
		fmt.Fprintf(&out, verb+"\n", []Secret{secret})
		fmt.Fprintf(&out, verb+"\n", map[Secret]Secret{secret: secret})
	}
	for _, value := range []any{secret, lease, &lease, []Secret{secret}, map[string]Secret{"x": secret}} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", value)
	}
	fmt.Fprintln(&out, fmt.Errorf("failed with %v %s", secret, secret))
	for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), fmt.Sprint([]byte(value))} {
		if strings.Contains(out.String(), form) {
			t.Fatalf("printed as %q in\n%s", form, out.String())
		}
	}
	if secret.Reveal() != value || (Secret{}).Reveal() != "" {
		t.Error("Reveal lost the value")
	}
}

func TestBuiltinPrintsNothing(t *testing.T) {
	b, err := NewBuiltin(BuiltinConfig{
		Admin: &pgconn.Config{Host: "h", User: "u", Password: "hunter2", Database: "d"}, Group: "g", Instance: "proxy-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if text := fmt.Sprintf(verb, b); strings.Contains(text, "hunter2") || !strings.Contains(text, "proxy-1") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	if warning := b.Warning(); !strings.Contains(warning, "evaluation") || !strings.Contains(warning, "Vault") {
		t.Errorf("warning %q", warning)
	}
}

// The example of RFC 7677 section 3 has the password "pencil".
func TestVerifierAgainstRFC7677(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scramVerifier("pencil", salt)
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || got != want {
		t.Errorf("verifier %s, %v", got, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	admin, err := pgconn.ParseConfig("host=127.0.0.1 dbname=shop user=postgres sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	good := BuiltinConfig{Admin: admin, Group: "g", Instance: "proxy-1"}
	if _, err := NewBuiltin(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *BuiltinConfig){
		"no admin connection": func(c *BuiltinConfig) { c.Admin = nil },
		"group \"xxx":         func(c *BuiltinConfig) { c.Group = strings.Repeat("x", 64) },
		"instance \"\"":       func(c *BuiltinConfig) { c.Instance = "" },
		"instance \"a b\"":    func(c *BuiltinConfig) { c.Instance = "a b" },
		"lifetime":            func(c *BuiltinConfig) { c.TTL = time.Millisecond },
		"lifetime 10000h":     func(c *BuiltinConfig) { c.TTL = 10000 * time.Hour },
		"connections":         func(c *BuiltinConfig) { c.Connections = -1 },
		"end timeout":         func(c *BuiltinConfig) { c.EndTimeout = -1 },
		"prefix \"pg_x\"":     func(c *BuiltinConfig) { c.Prefix = "pg_x" },
		"prefix \"1x\"":       func(c *BuiltinConfig) { c.Prefix = "1x" },
		"prefix \"A\"":        func(c *BuiltinConfig) { c.Prefix = "A" },
		"prefix \"a\\\"\"":    func(c *BuiltinConfig) { c.Prefix = `a"` },
		"1 to 20":             func(c *BuiltinConfig) { c.Prefix = strings.Repeat("a", 21) },
	} {
		config := good
		change(&config)
		if _, err := NewBuiltin(config); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if admin.RuntimeParams["search_path"] != "" {
		t.Error("the caller's configuration was changed")
	}
}

func TestPinnedSettings(t *testing.T) {
	admin, err := pgconn.ParseConfig("host=127.0.0.1 dbname=shop search_path=evil standard_conforming_strings=off application_name=x")
	if err != nil {
		t.Fatal(err)
	}
	got := pinned(admin).RuntimeParams
	for name, want := range map[string]string{
		"search_path": "pg_catalog", "standard_conforming_strings": "on", "application_name": "sluice/credential",
		"statement_timeout": "15000", "lock_timeout": "5000",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestRoleNames(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		subject := rapid.String().Draw(rt, "subject")
		prefix := rapid.StringMatching(`[a-z][a-z0-9]{0,18}_?`).Draw(rt, "prefix")
		if checkPrefix(prefix) != nil {
			rt.Skip("reserved prefix")
		}
		name, err := roleName(prefix, subject)
		if err != nil {
			rt.Fatal(err)
		}
		if len(name) > 63 || !strings.HasPrefix(name, prefix) || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			rt.Fatalf("%q became %q", subject, name)
		}
		if again, err := roleName(prefix, subject); err != nil || again == name {
			rt.Fatalf("twice %q, %v", name, err)
		}
	})
}

func TestClashes(t *testing.T) {
	for _, c := range []struct {
		code, message string
		want          bool
	}{
		{"42704", `role "sluice_a" does not exist`, true},
		{"XX000", "tuple concurrently deleted", true},
		{"XX000", "could not find tuple for role 16551", true},
		{"XX000", "cache lookup failed for role 16551", true},
		{"XX000", "cache lookup failed for relation 16551", false},
		{"2BP01", `role "sluice_a" cannot be dropped because some objects depend on it`, false},
	} {
		if got := clash(fmt.Errorf("drop the role: %w", &pgconn.PgError{Code: c.code, Message: c.message})); got != c.want {
			t.Errorf("%s %s: %v", c.code, c.message, got)
		}
	}
}

func TestMarks(t *testing.T) {
	m := mark{Kind: markKind, Instance: "i", Session: "s'", Subject: "ü\"", Expires: time.Unix(1, 0).UTC()}
	if back, ok := parseMark(m.String()); !ok || back != m {
		t.Errorf("%s reads back as %+v", m, back)
	}
	for _, comment := range []string{"", "sluice lease", "{}", `{"kind":"other","instance":"i"}`, `{"kind":"sluice lease"}`, `[1]`, `{"kind":"sluice lease","instance":1}`} {
		if m, ok := parseMark(comment); ok {
			t.Errorf("%s is taken for %+v", comment, m)
		}
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add(mark{Kind: markKind, Instance: "i"}.String())
	f.Add(`{"kind":"sluice lease","instance":"i","expires":"x"}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, comment string) {
		m, ok := parseMark(comment)
		if ok && (m.Kind != markKind || m.Instance == "") {
			t.Fatalf("%q is taken for %+v", comment, m)
		}
	})
}
