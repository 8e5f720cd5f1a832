package signin

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// tokenUntil is a token, not signed by anybody, that says when it expires.
func tokenUntil(at time.Time) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256"}`)) + "." + encode(fmt.Appendf(nil, `{"exp":%d}`, at.Unix())) + ".c2ln"
}

// A token of somebody's choice adds no line to a passfile.
func TestTokensThatCannotStand(t *testing.T) {
	for name, token := range map[string]string{
		"empty":            "",
		"no JWT":           "opaque",
		"two parts":        "a.b",
		"a line break":     "a.b.c\n*:*:*:*:x",
		"a carriage":       "a.b.c\r",
		"a separator":      "a.b.c:d",
		"a space":          "a.b. c",
		"longer than long": "a.b." + strings.Repeat("c", 16<<10),
	} {
		folder := Folder(t.TempDir())
		if err := folder.Save(entry("shop"), token); err == nil || token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(string(folder)); err != nil || len(left) != 0 {
			t.Errorf("%s: left in the folder: %v, %v", name, left, err)
		}
	}
}

// Who may write into the folder could choose where psql connects.
func TestFoldersOfOthers(t *testing.T) {
	for mode, want := range map[os.FileMode]bool{0o700: true, 0o755: true, 0o775: false, 0o777 | os.ModeSticky: false} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := Folder(dir).Save(entry("shop"), "a.b.c"); (err == nil) != want || err != nil && !strings.Contains(err.Error(), "others can write") {
			t.Errorf("%v: %v", mode, err)
		}
		if !want {
			if err := os.WriteFile(Folder(dir).passFile("shop"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if Folder(dir).Has("shop") {
				t.Errorf("%v: its entries are believed", mode)
			}
		}
	}
	if os.Getuid() == 0 {
		dir := t.TempDir()
		if err := os.Chown(dir, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if err := Folder(dir).Save(entry("shop"), "a.b.c"); err == nil || !strings.Contains(err.Error(), "somebody else's") {
			t.Errorf("%v", err)
		}
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := Folder(dir).Save(entry("shop"), "a.b.c"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Links in the folder are replaced, never followed.
func TestLinksAreNotFollowed(t *testing.T) {
	folder, mine := Folder(t.TempDir()), filepath.Join(t.TempDir(), "mine")
	if err := os.WriteFile(mine, []byte("[mine]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{folder.passFile("shop"), folder.ServiceFile()} {
		if err := os.Symlink(mine, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := folder.Save(entry("shop"), "a.b.c"); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(mine); err != nil || string(data) != "[mine]\n" {
		t.Errorf("%q, %v", data, err)
	}
	if got := content(t, folder.passFile("shop")); !strings.HasSuffix(got, ":a.b.c\n") {
		t.Errorf("%q", got)
	}
	for _, name := range []string{folder.passFile("shop"), folder.ServiceFile()} {
		if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// Logins at the same time lose no entry.
func TestSaveConcurrently(t *testing.T) {
	folder := Folder(filepath.Join(t.TempDir(), "login"))
	var group sync.WaitGroup
	for i := range 30 {
		group.Go(func() {
			if err := folder.Save(entry(fmt.Sprint("s", i)), "a.b.c"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	text := content(t, folder.ServiceFile())
	for i := range 30 {
		if !strings.Contains(text, fmt.Sprintf("[s%d]\n", i)) || !folder.Has(fmt.Sprint("s", i)) {
			t.Errorf("s%d is lost", i)
		}
	}
}

// Tokens that have expired do not lie around, nor what an interrupted login left.
func TestExpiredTokensAreRemoved(t *testing.T) {
	folder := Folder(t.TempDir())
	now := time.Now()
	if err := folder.Save(entry("old"), tokenUntil(now.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"fresh": tokenUntil(now.Add(time.Hour)), "skewed": tokenUntil(now.Add(-5 * time.Minute)), "unknown": "a.b.c", "never": tokenUntil(time.Unix(0, 0)),
	} {
		if err := folder.Save(entry(name), token); err != nil {
			t.Fatal(err)
		}
	}
	left := []string{".shop.pgpass.123", ".pg_service.conf.77"}
	for _, name := range append(left, "notes.txt", ".keep") {
		if err := os.WriteFile(filepath.Join(string(folder), name), []byte("a:b:c:d:e.f.g"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !folder.Has("fresh") || !folder.Has("skewed") || !folder.Has("unknown") || folder.Has("old") || folder.Has("never") {
		t.Error("the folder does not know which of its tokens are good")
	}
	for _, name := range append(left, "old.pgpass", "never.pgpass") {
		if _, err := os.Lstat(filepath.Join(string(folder), name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	for _, name := range []string{"notes.txt", ".keep", "fresh.pgpass"} {
		if _, err := os.Lstat(filepath.Join(string(folder), name)); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenFolder("login"); err != nil || string(got) != filepath.Join(here, "login") {
		t.Errorf("%q, %v", got, err)
	}
	for _, path := range []string{"a\nhost=evil.example", "a\rb", "a\x00b"} {
		if _, err := OpenFolder(path); err == nil {
			t.Errorf("%q is a folder", path)
		}
	}
}

// FuzzSection holds the writer of service files against the way libpq reads them:
// the entry is there as written, and all others are as they were.
func FuzzSection(f *testing.F) {
	for _, seed := range []string{"", "[a]\nhost=x\n", "  [shop] mine\nhost=old\n [b]\nhost=y", "# c\n[shop]\n[shop]\n\t[shop]x\n", "[shopping]\nhost=z\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, old string) {
		got := withSection(old, "shop", "[shop]\nhost=new\n")
		if first, n := sections(got, "shop"); n != 1 || first != "host=new\n" {
			t.Fatalf("%d sections, the first %q, in %q", n, first, got)
		}
		for _, other := range []string{"a", "b", "shopping"} {
			was, n := sections(old, other)
			if is, m := sections(got, other); is != was || m != n {
				t.Fatalf("%s was %d, %q, and is %d, %q", other, n, was, m, is)
			}
		}
		if again := withSection(got, "shop", "[shop]\nhost=new\n"); again != got {
			t.Fatalf("%q became %q", got, again)
		}
	})
}

// sections reads a service file as libpq does (parseServiceFile): white space at
// both ends of a line is nothing, [name] begins a section whatever follows it. It
// returns the lines of the first one of the name, and how many there are.
func sections(file, name string) (first string, n int) {
	inside := false
	for line := range strings.SplitSeq(file, "\n") {
		line = strings.Trim(line, " \t\r\v\f")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			if inside = strings.HasPrefix(line, "["+name+"]"); inside {
				n++
			}
		case inside && n == 1:
			first += line + "\n"
		}
	}
	return first, n
}
