package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestSettings(t *testing.T) {
	for text, want := range map[string]string{
		"host=a passfile=b.pgpass user=c":              "b.pgpass",
		"passfile = b.pgpass":                          "b.pgpass",
		`passfile='with space' host=a`:                 "with space",
		`passfile='it\'s' host=a`:                      "it's",
		`passfile=back\\slash`:                         `back\slash`,
		"  host=a\tpassfile=b  ":                       "b",
		"host=a passfile=b passfile=c":                 "c",
		"postgres://u@h/db?passfile=x%2Fy&sslmode=a":   "x/y",
		"postgresql://u:pw@h:1/db?sslmode=verify-full": "",
		"host=a passfile=''":                           "",
	} {
		got, err := settings(text)
		if err != nil || got["passfile"] != want {
			t.Errorf("%q: passfile %q, %v; want %q", text, got["passfile"], err, want)
		}
	}
	for _, text := range []string{"host", "=a", "a b=c", "passfile='open", "postgres://h?passfile=%zz"} {
		if got, err := settings(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// FuzzSettings: what pgconn takes, we take, and if there is a password in it,
// we see that.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		"host=a password=b", `host=a password='b c' user=d`, `password='it\'s' host=x`, "postgres://u:p@h/d?passfile=x", "a b=c", "password='", "host=\\",
	} {
		f.Add(seed)
	}
	none := filepath.Join(f.TempDir(), "none")
	f.Setenv("PGPASSFILE", none)
	f.Setenv("PGPASSWORD", "")
	f.Fuzz(func(t *testing.T, text string) {
		known, err := settings(text)
		config, pgErr := pgconn.ParseConfig(text)
		if pgErr != nil {
			return
		}
		if err != nil {
			t.Fatalf("pgconn takes %q, we do not", text)
		}
		if known["passfile"] == "" && known["service"] == "" && config.Password != "" && known["password"] == "" {
			t.Fatalf("%q: there is a password, and we do not see it", text)
		}
	})
}

func TestPassword(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("PGPASSFILE", "")
	file := filepath.Join(dir, ".pgpass")
	look := func(admin string) Check { return only(t, func(f *findings) { lookAtPassword(f, admin) }) }
	want(t, "no passfile", look("host=a user=b"), OK, "without a password")
	want(t, "a passfile that is not there", look("host=a passfile=none"), Problem, "no such file")
	want(t, "a password", look("host=a password=secret"), Problem, "stands in the connection string")
	want(t, "nonsense", look("host"), Problem, "no valid connection string")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, "the home folder's", look("host=a user=b"), OK, file+" has mode 0600")
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	want(t, "readable", look("host=a user=b"), Problem, "mode 0640")
}
