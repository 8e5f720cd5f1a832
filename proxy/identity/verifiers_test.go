package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The keys PostgreSQL derived for odd passwords come out here too.
func TestVerifiersEqualPostgreSQL(t *testing.T) {
	content, err := os.ReadFile("testdata/verifiers.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	lines := strings.Split(string(content), "\n")
	for i, line := range lines {
		quoted, ok := strings.CutPrefix(line, "password ")
		if !ok {
			continue
		}
		password, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		want, err := parseVerifier(lines[i+1])
		if err != nil {
			t.Fatalf("line %d: %v", i+2, err)
		}
		got, err := deriveVerifier([]byte(password), want.salt, want.iterations)
		if err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		if got.format() != lines[i+1] {
			t.Errorf("%s: other keys than PostgreSQL", quoted)
		}
		cases++
	}
	if cases < 10 {
		t.Fatalf("only %d cases were read", cases)
	}
}

func sampleLine(t testing.TB, name string) string {
	t.Helper()
	v, err := deriveVerifier([]byte("x"), []byte("0123456789abcdef"), MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	return name + ":" + v.format()
}

func TestOpenVerifiersNamesFileAndLine(t *testing.T) {
	good := sampleLine(t, "alice")
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the sample", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	_, keys, _ := strings.Cut(good, "=$")
	for _, test := range []struct{ name, content, want string }{
		{"no colon", "alice\n", ":1: no ':' between name"},
		{"after comments", "# one\n\nalice\n", ":3: "},
		{"empty name", ":" + good, ":1: the user name is empty"},
		{"space before", " " + good, "white space"},
		{"control character", "a\x01" + good, "control character"},
		{"not UTF-8", "\xff" + good, "not UTF-8"},
		{"long name", strings.Repeat("a", 64) + good, "longer than 63"},
		{"md5", "alice:md5a6343a68d964ca596d9752250d54bb8a", "SCRAM-SHA-256$"},
		{"cleartext", "alice:hunter2", "SCRAM-SHA-256$"},
		{"few iterations", swap("4096", "1000"), "not between 4096"},
		{"many iterations", swap("4096", "99999999"), "not between 4096"},
		{"signed iterations", swap("4096", "+4096"), "decimal"},
		{"zeros", swap("4096", "04096"), "decimal"},
		{"no salt", swap("4096:", "4096"), "between iteration count and salt"},
		{"no keys", strings.Replace(good, "=$"+keys, "=", 1), "between salt and keys"},
		{"one key", good[:strings.LastIndex(good, ":")], "between StoredKey and ServerKey"},
		{"short salt", swap("MDEyMzQ1Njc4OWFiY2RlZg==", "MDEy"), "salt has 3 bytes"},
		{"salt not base64", swap("MDEyMzQ1Njc4OWFiY2RlZg==", "!"), "salt is not base64"},
		{"salt without padding", swap("MDEyMzQ1Njc4OWFiY2RlZg==", "MDEyMzQ1Njc4OWFiY2RlZg"), "salt is not base64"},
		{"short key", good[:len(good)-4], "ServerKey"},
		{"trailing", good + " x", "ServerKey is not base64"},
		{"twice", good + "\n" + good, ":2: user \"alice\" already stands in line 1"},
		{"carriage return", good + "\r\n", "carriage return"},
		{"bad decoy key", "# decoy-key abc\n", "decoy key is not base64"},
		{"long line", good + strings.Repeat("x", 2000), "longer than 1024"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users")
			writeFile(t, path, test.content, 0o600)
			_, err := OpenVerifiers(path)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path+":") {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), keys) {
				t.Errorf("the error quotes the line: %v", err)
			}
		})
	}
}

func TestOpenVerifiersChecksTheFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "users")
	if _, err := OpenVerifiers(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := OpenVerifiers(folder); err == nil {
		t.Error("a folder was opened")
	}
	for mode, allowed := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true,
		0o644: false, 0o604: false, 0o602: false, 0o620: false, 0o660: false, 0o666: false,
	} {
		writeFile(t, path, sampleLine(t, "alice")+"\n", mode)
		_, err := OpenVerifiers(path)
		if allowed != (err == nil) {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if err != nil && !strings.Contains(err.Error(), "chmod 0600 "+path) {
			t.Errorf("mode %04o: no advice in %v", mode, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func known(t *testing.T, v *Verifiers, user string) bool {
	t.Helper()
	set, err := v.current()
	if err != nil {
		t.Fatal(err)
	}
	_, ok := set.lookup(user)
	return ok
}

func TestChangesCountWithoutRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	tick := time.Now()
	writeWithinTick := func(content string) {
		writeFile(t, path, content, 0o600)
		if err := os.Chtimes(path, tick, tick); err != nil {
			t.Fatal(err)
		}
	}
	writeWithinTick(sampleLine(t, "alice") + "\n")
	v, err := OpenVerifiers(path)
	if err != nil {
		t.Fatal(err)
	}
	// In place, same size, same time stamp: only the settling time helps.
	writeWithinTick(sampleLine(t, "carol") + "\n")
	if known(t, v, "alice") || !known(t, v, "carol") {
		t.Error("a change in place within one clock tick was missed")
	}
	// An old file is kept in memory until it changes.
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	set, err := v.current()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := v.current(); err != nil || again != set {
		t.Error("an unchanged file was read again")
	}
	if err := AddUser(path, "dave", []byte("x"), MinIterations); err != nil {
		t.Fatal(err)
	}
	if !known(t, v, "dave") || !known(t, v, "carol") {
		t.Error("a replaced file was missed")
	}
	// A file that opens up to others, breaks or goes fails the login.
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	known(t, v, "dave")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := v.current(); err == nil {
		t.Error("a file that others can read is still used")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := v.current(); err == nil {
		t.Error("a missing file is still used")
	}
	writeFile(t, path, sampleLine(t, "erin")+"\n", 0o600)
	if !known(t, v, "erin") {
		t.Error("the file did not come back")
	}
}

func TestAddUserRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	for _, test := range []struct {
		name, user, password string
		iterations           int
	}{
		{"empty name", "", "x", 0},
		{"colon", "a:b", "x", 0},
		{"newline", "a\nb", "x", 0},
		{"NUL", "a\x00b", "x", 0},
		{"comment", "#a", "x", 0},
		{"empty password", "a", "", 0},
		{"password that vanishes", "a", "\u00ad", 0},
		{"NUL in password", "a", "x\x00y", 0},
		{"few iterations", "a", "x", 1},
		{"negative iterations", "a", "x", -1},
		{"many iterations", "a", "x", MaxIterations + 1},
	} {
		if err := AddUser(path, test.user, []byte(test.password), test.iterations); err == nil {
			t.Errorf("%s: accepted", test.name)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a refused user left a file")
	}
	writeFile(t, path, "broken\n", 0o600)
	if err := AddUser(path, "a", []byte("x"), 0); err == nil || !strings.Contains(err.Error(), path+":1: ") {
		t.Errorf("broken file: %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "broken\n" {
		t.Errorf("the broken file was touched: %q, %v", content, err)
	}
}

func TestAddUserKeepsTheRest(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "users")
	before := "# people\n" + sampleLine(t, "alice") + "\n\n# more\n" + sampleLine(t, "al") + "\n"
	writeFile(t, path, before, 0o640)
	link := filepath.Join(folder, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := AddUser(link, "al", []byte("new"), 0); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) != 7 || !strings.HasPrefix(lines[0], decoyPrefix) || lines[1] != "# people" ||
		lines[2] != sampleLine(t, "alice") || lines[4] != "# more" ||
		!strings.HasPrefix(lines[5], fmt.Sprintf("al:SCRAM-SHA-256$%d:", DefaultIterations)) || lines[6] != "" {
		t.Errorf("the file is now\n%s", content)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link was replaced by a file")
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 2 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}

func TestAddUserCreatesPrivately(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	if err := AddUser(path, "ünïcode user", []byte("x"), MinIterations); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := AddUser(filepath.Join(path, "no-folder"), "a", []byte("x"), MinIterations); err == nil {
		t.Error("a file under a file was made")
	}
}

func TestAddUserConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	const writers = 12
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if err := AddUser(path, fmt.Sprintf("user%d", i), []byte("x"), MinIterations); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	v, err := OpenVerifiers(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := v.Users(); err != nil || n != writers {
		t.Errorf("%d users, %v", n, err)
	}
}

func TestVerifiersPrintNothing(t *testing.T) {
	v := testVerifiers(t)
	set, err := v.current()
	if err != nil {
		t.Fatal(err)
	}
	v.set = set
	held := set.users[testUser]
	secrets := []string{held.format(), string(held.storedKey), fmt.Sprint(held.storedKey), fmt.Sprintf("%x", held.storedKey)}
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%d"} {
		fmt.Fprintf(&out, format+"\n", v)
		fmt.Fprintf(&out, format+"\n", struct{ inner *Verifiers }{v})
	}
	if data, err := json.Marshal(v); err == nil {
		out.Write(data)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	for _, secret := range secrets {
		if strings.Contains(out.String(), secret) {
			t.Fatal("a verifier was printed")
		}
	}
	if !strings.Contains(out.String(), v.path) {
		t.Error("the path is not named")
	}
}

func FuzzVerifierLine(f *testing.F) {
	f.Add(sampleLine(f, "alice"))
	f.Add("a:SCRAM-SHA-256$4096:$:")
	f.Add("# decoy-key AAAA")
	f.Add("::::$$$$")
	f.Add("alice:SCRAM-SHA-256$999999999999999999999:AA==$AA==:AA==")
	f.Fuzz(func(t *testing.T, line string) {
		name, v, err := parseLine(line)
		if err != nil {
			return
		}
		// What is accepted has one spelling, and survives a file.
		if name+":"+v.format() != line {
			t.Fatalf("%q reads back as %q", line, name+":"+v.format())
		}
		set, err := parseVerifiers("file", line+"\n")
		if err != nil {
			t.Fatalf("a good line makes a bad file: %v", err)
		}
		if len(set.users) != 1 {
			t.Fatalf("%d users", len(set.users))
		}
	})
}
