package dump

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/sluice-pg/sluice/integration/harness"
)

// canary begins every value that must not leave.
const canary = "canary"

// written is everything that a program has left in a folder, by path, and what
// is compressed there: gzip files, and archives as the SQL that pg_restore
// makes of them.
func written(t *testing.T, target harness.Target, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		out[path] = content
		switch {
		case bytes.HasPrefix(content, []byte("\x1f\x8b")):
			out[path+" unpacked"] = unpacked(t, path, content)
		case bytes.HasPrefix(content, []byte("PGDMP")), strings.HasSuffix(path, ".tar"):
			// One that was cut off has no table of contents and is none.
			r := harness.Run(t, target, harness.Command{Program: pgRestore, Args: []string{"-f", "-", path}, Dir: dir})
			out[path+" as SQL"] = []byte(r.Stdout)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unpacked is what is in a gzip file, as far as it was written.
func unpacked(t *testing.T, path string, content []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	plain, err := io.ReadAll(r)
	if err != nil && err != io.ErrUnexpectedEOF {
		t.Fatalf("%s: %v", path, err)
	}
	return plain
}

// forms are the ways in which a word can be written in a dump.
func forms(word string) map[string]string {
	out := map[string]string{
		"plain":      word,
		"upper":      strings.ToUpper(word),
		"hex":        hex.EncodeToString([]byte(word)),
		"upper hex":  strings.ToUpper(hex.EncodeToString([]byte(word))),
		"UTF-16":     string(utf16Bytes(word, 0)),
		"UTF-16, be": string(utf16Bytes(word, 1)),
	}
	// In base64 a word looks in three ways, by where it begins; what also
	// depends on its neighbours is cut off.
	for shift, name := range []string{"base64", "base64 after 1", "base64 after 2"} {
		code := base64.StdEncoding.EncodeToString([]byte("xx"[:shift] + word))
		whole := (shift + len(word)) / 3 * 4
		out[name] = code[(shift*8+5)/6 : whole]
	}
	return out
}

func utf16Bytes(word string, high int) (out []byte) {
	for _, unit := range utf16.Encode([]rune(word)) {
		pair := [2]byte{}
		pair[1-high], pair[high] = byte(unit>>8), byte(unit)
		out = append(out, pair[:]...)
	}
	return out
}

// leaks names the files and forms in which a word is found.
func leaks(files map[string][]byte, word string) (found []string) {
	for path, content := range files {
		for name, form := range forms(word) {
			if at := bytes.Index(content, []byte(form)); at >= 0 {
				around := content[max(0, at-60):min(len(content), at+60)]
				found = append(found, filepath.Base(path)+", "+name+": "+strings.ToValidUTF8(string(around), "?"))
			}
		}
	}
	return found
}

// The search finds what it is for, wherever it begins.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	for i := range 6 {
		text := "abcdef"[:i] + canary + "-x"
		for name, code := range map[string]string{
			"plain": text, "hex": hex.EncodeToString([]byte(text)), "base64": base64.StdEncoding.EncodeToString([]byte(text)),
			"UTF-16": string(utf16Bytes(text, 0)), "UTF-16 be": string(utf16Bytes(text, 1)), "upper": strings.ToUpper(text),
		} {
			if len(leaks(map[string][]byte{"file": []byte(code)}, canary)) == 0 {
				t.Errorf("%s of %q is not found", name, text)
			}
		}
	}
	if found := leaks(map[string][]byte{"file": []byte("a canal, a nary; 63616e6172")}, canary); len(found) > 0 {
		t.Errorf("found %q where it is not", found)
	}
}
