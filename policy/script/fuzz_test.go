package script

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReader reads anything. Nothing may panic, every byte of a text must be at
// the place in the file that the item says, and what stands for a parser must
// be as long as the text.
func FuzzReader(f *testing.F) {
	paths, err := filepath.Glob("../../integration/script/testdata/*.sql")
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), false)
	}
	f.Add("SELECT :a, :'b', :\"c\", :{?d};\\if :x\n\\i x\n", false)
	f.Add("\xef\xbb\xbfSELECT 1;\nSELECT 2", true)
	f.Fuzz(func(t *testing.T, text string, wire bool) {
		items, err := readAll("f", text, Options{Wire: wire, MaxText: 1 << 10})
		if err != nil && !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("an error without its place: %v", err)
		}
		for i := range items {
			checkPlaces(t, text, &items[i])
		}
	})
}

func checkPlaces(t *testing.T, text string, item *Item) {
	if len(item.Judged()) != len(item.Text) {
		t.Errorf("%q is judged as %q", item.Text, item.Judged())
	}
	if len(item.pieces) == 0 {
		return
	}
	for at := range len(item.Text) {
		offset := item.OffsetOf(at)
		if offset < 0 || offset >= int64(len(text)) || text[offset] != item.Text[at] {
			t.Fatalf("byte %d of %q is said to be at %d", at, item.Text, offset)
		}
		if !utf8.RuneStart(item.Text[at]) || at > 200 {
			continue
		}
		line, column := item.Place(at)
		before := text[:offset]
		lineStart := strings.LastIndexByte(before, '\n') + 1
		if lineStart == 0 {
			lineStart = len(before) - len(strings.TrimPrefix(before, "\xef\xbb\xbf"))
		}
		if line != strings.Count(before, "\n")+1 || column != utf8.RuneCountInString(before[lineStart:])+1 {
			t.Fatalf("byte %d of %q, at %d in the file, is said to be at %d:%d", at, item.Text, offset, line, column)
		}
	}
}

// FuzzSlashCopy reads any arguments of \copy.
func FuzzSlashCopy(f *testing.F) {
	for _, seed := range []string{"t to 'f'", "(select E'\\'') to program 'x' csv", "s.\"t\" (a, b) from stdin", "binary t from pstdin", "(("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, args string) {
		c, ok := parseCopy(args)
		if ok && (!strings.HasPrefix(c.text(), "COPY ") || len(c.text()) > 3*len(args)+40) {
			t.Errorf("%q becomes %q", args, c.text())
		}
	})
}
