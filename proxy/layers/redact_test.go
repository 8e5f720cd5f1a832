package layers

import (
	"bytes"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const admin = "databases[3].credential.builtin.admin"
	for _, c := range [][3]string{
		{admin, "", ""},
		{admin, "host=h port=5432 user=u passfile=/p sslmode=verify-full", "host=h port=5432 user=u passfile=/p sslmode=verify-full"},
		{admin, "host=h password=hunter2 user=u", "host=h password=*** user=u"},
		{admin, "host=h password = 'hunter2 \\' hunter3' user=u", "host=h password=*** user=u"},
		{admin, "host=h PASSWORD=hunter2", "host=h PASSWORD=***"},
		{admin, "host=h sslpassword=hunter2", "host=h sslpassword=***"},
		{admin, "host=h options='-c x=hunter2'", "host=h options=***"},
		{admin, "host=h password='hunter2", "***"},
		{admin, "host=h hunter2 user=u", "***"},
		{admin, "hunter2", "***"},
		{admin, "host=h password=a\\ hunter2", "host=h password=***"},
		{admin, "postgres://u:hunter2@h:5432/db?sslmode=verify-full", "postgres://u:***@h:5432/db?sslmode=verify-full"},
		{admin, "postgres://u@h/db?password=hunter2", "postgres://u@h/db?password=***"},
		{admin, "postgres://u:hunter2%@h/db", "***"},
		{admin, "postgres://u:hunter2/@h/db", "***"},
		{admin, "postgres:u:hunter2@h/db", "***"},
		{"telemetry.headers", "a=b", "***"},
		{"vault.token", "hunter2", "***"},
		{"smtp[0].api_key", "hunter2", "***"},
		{"telemetry.endpoint", "https://u:hunter2@h/x", "https://u:***@h/x"},
		{"telemetry.endpoint", "https://h:4318/v1?token=hunter2", "https://h:4318/v1?token=***"},
		{"other", "host=h password=hunter2", "host=h password=***"},
		{"policy", "/etc/sluice/policy.yaml", "/etc/sluice/policy.yaml"},
		{"instance", "gate-1@site", "gate-1@site"},
	} {
		if got := redact(c[0], c[1]); got != c[2] {
			t.Errorf("%s %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// No form of output shows a password, wherever it came from.
func TestNoOutputShowsAPassword(t *testing.T) {
	l := loaded(t, strings.Replace(good, "user=issuer", "user=issuer password=hunter2", 1), "SLUICE_DATABASES_1_NAME=b", "SLUICE_DATABASES_1_UPSTREAM_HOST=h",
		"SLUICE_DATABASES_1_CREDENTIAL_BUILTIN_GROUP=g", "SLUICE_DATABASES_1_CREDENTIAL_BUILTIN_ADMIN=postgres://u:hunter2@h/b")
	if !strings.Contains(l.Config.Databases[0].Credential.Builtin.Admin, "hunter2") {
		t.Fatal("the password is not there at all")
	}
	var out bytes.Buffer
	for _, err := range []error{l.WriteJSON(&out), l.WriteTable(&out, true), l.WriteYAML(&out, true)} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, warning := range l.Warnings() {
		out.WriteString(warning)
	}
	if n := strings.Count(out.String(), "password=***"); n != 3 || strings.Contains(out.String(), "hunter2") {
		t.Error(out.String())
	}
}

// A mistake in a document is shown with its line, unless there is a secret in
// it: what is behind a misspelled key, in most cases.
func TestMistakesShowNoPassword(t *testing.T) {
	for _, line := range []string{
		"credential: {builtin: {admni: \"host=h password=hunter2\", group: g}}", "credential: {builtin: {admni: \"postgres://u:hunter2@h\", group: g}}",
		"pasword: x\n    password: hunter2", "crednetial: {a: \"b PASSWORD = hunter2\"}",
	} {
		text := strings.Replace(good, `credential: {builtin: {admin: "host=db.example.net user=issuer", group: shop_app}}`, line, 1)
		_, err := Load(Sources{File: file(t, text)})
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), ".yaml:") {
			t.Errorf("%s: %v", line, err)
		}
	}
	_, err := Load(Sources{File: file(t, strings.Replace(good, "users: users.scram", "usres: users.scram", 1))})
	if err == nil || !strings.Contains(err.Error(), "    4 | usres: users.scram\n") {
		t.Errorf("the line is not shown: %v", err)
	}
}

// FuzzRedact hides a password in a connection string of any shape and looks
// for it in what is shown.
func FuzzRedact(f *testing.F) {
	for _, seed := range []string{"host=h ", "", "host='a b' x", "a=\\", "postgres://u@h/?a=b&", "postgres://u:p@h/?", "='", "password=", "host=h passfile=", "\t", "://", "a:@"} {
		f.Add(seed)
	}
	const secret = "hunter2xyzzy"
	f.Fuzz(func(t *testing.T, before string) {
		if strings.Contains(before, secret) {
			t.Skip()
		}
		for _, text := range []string{before + " password=" + secret, before + "\npassword = '" + secret + "'", "postgres://u:" + secret + "@" + before, "postgres://h/?" + before + "&password=" + secret} {
			shown := redact("databases[0].credential.builtin.admin", text)
			if !strings.Contains(shown, secret) {
				continue
			}
			// libpq takes what follows an open value or quote for a part of it: that is
			// then no password, and the value of a key that may be seen.
			if open := opens(before); open {
				continue
			}
			t.Errorf("%q is shown as %q", text, shown)
		}
	})
}

// opens reports whether a text ends inside a value: what comes behind it then
// belongs to that, in a quote, behind a backslash, or behind a sign.
func opens(text string) bool {
	rest := strings.TrimLeft(text, " \t\r\n")
	for rest != "" {
		_, after, found := strings.Cut(rest, "=")
		if !found {
			return false
		}
		trimmed := strings.TrimLeft(after, " \t\r\n")
		if trimmed == "" {
			return true
		}
		_, left, ok := cutValue(trimmed)
		if !ok || left == "" {
			return !ok
		}
		rest = strings.TrimLeft(left, " \t\r\n")
	}
	return false
}

// FuzzVariables looks for panics and for values quoted in errors.
func FuzzVariables(f *testing.F) {
	for _, name := range []string{"LIMITS_CONNECTIONS", "LISTEN_0_ADDRESS", "LISTEN_9999_ADDRESS", "LISTEN__", "AUTH_0_USERS", "INSTANCE_FILE", "LISTEN_00_ADDRESS", "", "_", "0"} {
		f.Add(name, "x")
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.ContainsAny(name, "=\x00") || strings.HasSuffix(name, fileSuffix) {
			t.Skip()
		}
		l := &Loaded{Config: sampleConfig(), origins: map[string]Origin{}}
		all, err := fromEnvironment(configType, []string{Prefix + name + "=" + value}, nil)
		if err == nil {
			err = l.overlay(all)
		}
		if err != nil && len(value) > 8 && !strings.Contains(name, value) && strings.Contains(err.Error(), value) {
			t.Errorf("the value is in the error: %v", err)
		}
	})
}
