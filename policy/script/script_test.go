package script

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what is found into the testdata files")

// The files of testdata have cases, parted by lines "####": a file, a line
// "----", and what is read from it. "==== NAME" within a case begins another
// file, for \i.
func TestItems(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for entry := range strings.SplitSeq(string(data), "####\n") {
			input, want, _ := strings.Cut(entry, "----\n")
			got := renderAll(input)
			if got != want && !*rewrite {
				t.Errorf("%s: from\n%sthere is\n%swant\n%s", path, input, got, want)
			}
			out = append(out, input+"----\n"+got)
		}
		if *rewrite {
			if err := os.WriteFile(path, []byte(strings.Join(out, "####\n")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// renderAll reads a case; a first line "wire" is the option.
func renderAll(input string) string {
	parts := strings.Split(input, "==== ")
	files := map[string]string{}
	for _, part := range parts[1:] {
		name, text, _ := strings.Cut(part, "\n")
		files[name] = text
	}
	o := Options{Open: func(name string) (io.ReadCloser, error) {
		text, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("no file %s", name)
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	main, wire := strings.CutPrefix(parts[0], "wire\n")
	o.Wire = wire
	items, err := readAll("dir/main.sql", main, o)
	var b strings.Builder
	for i := range items {
		render(&b, &items[i])
	}
	if err != nil {
		fmt.Fprintf(&b, "error: %v\n", err)
	}
	return b.String()
}

func readAll(name, text string, o Options) (items []Item, err error) {
	r := NewReader(name, strings.NewReader(text), o)
	defer r.Close()
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
}

func render(b *strings.Builder, i *Item) {
	fmt.Fprintf(b, "%s:%d:%d", strings.TrimPrefix(i.File, "dir/"), i.Line, i.Column)
	if i.Text != "" {
		fmt.Fprintf(b, " %q", i.Text)
	}
	if i.Judged() != i.Text {
		fmt.Fprintf(b, " judged %q", i.Judged())
	}
	if c := i.Command; c != nil {
		fmt.Fprintf(b, " \\%s %q", c.Name, c.Args)
		if c.Unknown {
			b.WriteString(" unknown")
		}
		if c.RunsProgram {
			b.WriteString(" runs a program")
		}
		if c.Refused {
			b.WriteString(" refused")
		}
	}
	if i.Like != "" {
		fmt.Fprintf(b, " like %q", i.Like)
	}
	if i.Local != (Local{}) {
		fmt.Fprintf(b, " %s %q", i.Local.Kind, i.Local.Name)
	}
	if i.Section != "" {
		fmt.Fprintf(b, " section %s", i.Section)
	}
	if i.Conditional {
		b.WriteString(" conditional")
	}
	if i.Copies > 0 {
		fmt.Fprintf(b, " copies %d lines %d", i.Copies, i.DataLines)
	}
	for _, d := range i.Doubts {
		fmt.Fprintf(b, " doubt %q", d)
	}
	for _, ignore := range i.Ignores {
		fmt.Fprintf(b, " ignore %s %q", ignore.Rule, ignore.Reason)
	}
	b.WriteByte('\n')
}

// A file of COPY data takes no memory of its size, and no time worth naming.
func TestLargeDumpInLittleMemory(t *testing.T) {
	const size = 100 << 20
	in := io.MultiReader(
		strings.NewReader("CREATE TABLE t (a text);\nCOPY public.t FROM stdin;\n"),
		&rows{left: size},
		strings.NewReader("\n\\.\n\nSELECT 1;\n"),
	)
	r := NewReader("dump.sql", in, Options{})
	var texts []string
	var lines int64
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for {
		item, err := r.Next()
		if err != nil {
			break
		}
		texts = append(texts, item.Text)
		lines += item.DataLines
	}
	runtime.ReadMemStats(&after)
	if strings.Join(texts, "|") != "CREATE TABLE t (a text);|COPY public.t FROM stdin;|SELECT 1;" || lines < size/100 {
		t.Errorf("read %q, %d lines of data", texts, lines)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("reading %d bytes allocated %d", size, n)
	}
}

const row = "someone@example.com\tit's; $$ /* \\N\n"

// rows is a stream of lines of COPY data.
type rows struct{ left, at int }

func (r *rows) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, row[r.at:])
	r.at = (r.at + n) % len(row)
	r.left -= n
	return n, nil
}

func TestLongTextIsCut(t *testing.T) {
	items, err := readAll("long.sql", "SELECT 'a'; SELECT '"+strings.Repeat("x", 1000)+"' ; SELECT 2;", Options{MaxText: 100})
	if err != nil || len(items) != 3 {
		t.Fatal(len(items), err)
	}
	if i := items[1]; len(i.Text) > 100 || int64(len(i.Text))+i.Cut != int64(1000+len("SELECT '' ;")) {
		t.Errorf("%d bytes are kept, %d cut", len(i.Text), i.Cut)
	}
	if items[2].Text != "SELECT 2;" || items[2].Cut != 0 {
		t.Errorf("%q follows", items[2].Text)
	}
}

func TestUnreadableFiles(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1;\n\x00":                          "x.sql:2:1: a zero byte",
		"SELECT 1;\nSELECT 'é\xff'":                "x.sql:2:10: bytes that are not UTF-8",
		"\xff\xfeS\x00":                            "UTF-16",
		"PGDMP\x01\x0e":                            "pg_restore",
		"-- sluice-ignore\nSELECT 1;":              "needs a rule and a reason",
		"-- sluice-ignore default-deny:\nSELECT 1": "needs a rule and a reason",
		"COPY t FROM STDIN BINARY;\nx":             "binary COPY data",
		"COPY t FROM STDIN (FORMAT 'binary');\nx":  "binary COPY data",
		"\\copy t from stdin binary\nx":            "binary COPY data",
	} {
		if _, err := readAll("x.sql", text, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// A chain of files ends somewhere, and before memory does.
func TestIncludesAreBounded(t *testing.T) {
	opened := 0
	o := Options{Open: func(string) (io.ReadCloser, error) {
		opened++
		return io.NopCloser(strings.NewReader(fmt.Sprintf("SELECT 1;\n\\i %d.sql\n", opened))), nil
	}}
	items, err := readAll("x.sql", "\\i 0.sql\n", o)
	if err == nil || !strings.Contains(err.Error(), "14.sql:2:1: files that include files, more than 16 deep") || opened != maxDepth-1 || len(items) != 2*maxDepth-1 {
		t.Error(opened, len(items), err)
	}
}

func TestFilesAreClosed(t *testing.T) {
	opened, closed := 0, 0
	o := Options{Open: func(string) (io.ReadCloser, error) {
		opened++
		return closer{strings.NewReader("SELECT 1;\n"), &closed}, nil
	}}
	if _, err := readAll("x.sql", "\\i a\n\\i b\nSELECT 2;", o); err != nil || opened != 2 || closed != 2 {
		t.Error(opened, closed, err)
	}
	r := NewReader("x.sql", strings.NewReader("\\i a\n"), o)
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil || closed != 3 {
		t.Error(closed, err)
	}
}

type closer struct {
	io.Reader
	closed *int
}

func (c closer) Close() error {
	*c.closed++
	return nil
}
