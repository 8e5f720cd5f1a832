package vault

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sample is a journal of every kind of record.
func sample(t testing.TB) []byte {
	t.Helper()
	var text []byte
	for _, r := range []record{
		{Op: opHead, Version: journalVersion},
		{Op: opLogin, Accessor: "login-1"},
		{Op: opChild, Accessor: "child-1", Database: "shop", Role: "reader", Session: "session-1"},
		{Op: opLease, Accessor: "child-1", Lease: "database/creds/reader/x", User: "v-alice", OID: "16384"},
		{Op: opChild, Accessor: "child-2", Database: "shop", Role: "reader", Session: "ünïcode\""},
		{Op: opEnd, Accessor: "child-1"},
		{Op: opLogin, Accessor: "login-2"},
		{Op: opEnd, Accessor: "login-1"},
	} {
		line, err := r.line()
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, line...)
	}
	return text
}

func accessors(e *entries) string {
	var all []string
	for _, one := range e.list() {
		all = append(all, one.key())
	}
	return strings.Join(all, " ")
}

// However much of the file reached the disk, what is whole is read, and the
// half line at the end is left out.
func TestEveryTruncation(t *testing.T) {
	text := sample(t)
	after := []string{"", "", "login-1", "login-1 child-1", "login-1 child-1", "login-1 child-1 child-2", "login-1 child-2", "login-1 child-2 login-2", "child-2 login-2"}
	for n := 1; n <= len(text); n++ {
		found, err := readJournal(text[:n])
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		whole := bytes.Count(text[:n], []byte{'\n'})
		// A line that lacks nothing but its end is whole.
		if n < len(text) && text[n] == '\n' {
			whole++
		}
		if got := accessors(found); got != after[whole] {
			t.Errorf("%d bytes, %d lines: %q is alive, want %q", n, whole, got, after[whole])
		}
	}
}

// Every byte that is not what was written is noticed.
func TestEveryChangedByte(t *testing.T) {
	text := sample(t)
	want, err := readJournal(text)
	if err != nil {
		t.Fatal(err)
	}
	for n := range text {
		changed := bytes.Clone(text)
		changed[n] ^= 0x01
		found, err := readJournal(changed)
		if err != nil {
			continue
		}
		t.Errorf("byte %d (%q) was changed unnoticed: %q is alive, was %q", n, text[n], accessors(found), accessors(want))
	}
}

func TestWhatIsNoJournal(t *testing.T) {
	line := func(r record) string {
		text, err := r.line()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	head := line(record{Op: opHead, Version: journalVersion})
	child := line(record{Op: opChild, Accessor: "c"})
	for want, text := range map[string]string{
		"line 1: the file does not begin with the head": child,
		"has version 9":                    line(record{Op: opHead, Version: 9}),
		"line 2: a second head":            head + head,
		"begins again":                     head + child + child,
		"has not begun":                    head + line(record{Op: opEnd, Accessor: "c"}),
		"no lease of a child":              head + line(record{Op: opLogin, Accessor: "l"}) + line(record{Op: opLease, Accessor: "l", Lease: "x"}),
		"names neither accessor":           head + line(record{Op: opChild}),
		"neither a token without":          head + line(record{Op: opChild, Accessor: "c", User: "u"}),
		"no kind of record":                head + line(record{Op: "grant", Accessor: "c"}),
		"line 2: it is no checksum":        head + "\n",
		"line 1: nothing is there":         "",
		"line 2: its last byte":            head + child[:len(child)-1] + "\v",
		"line 3: the checksum is 00000000": head + child + "00000000 {\"op\":\"end\",\"accessor\":\"c\"}\n" + child,
	} {
		if _, err := readJournal([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func openTestJournal(t *testing.T, path string) *journal {
	t.Helper()
	j, err := openJournal(path)
	if seen(err) != nil {
		t.Fatal(err)
	}
	return j
}

func TestJournalSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := openTestJournal(t, path)
	const writers, each = 200, 5
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for m := range each {
				accessor := fmt.Sprintf("%d-%d", n, m)
				for _, r := range []record{
					{Op: opChild, Accessor: accessor, Database: "shop"}, {Op: opLease, Accessor: accessor, Lease: "lease", User: "user"},
					{Op: opEnd, Accessor: accessor},
				} {
					if r.Op == opEnd && m == 0 {
						continue
					}
					if err := j.append(r); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	again := openTestJournal(t, path)
	if got := len(again.list()); got != writers {
		t.Errorf("%d are alive, want %d", got, writers)
	}
	for _, e := range again.list() {
		if e.Lease != "lease" || e.User != "user" || e.Database != "shop" {
			t.Fatalf("read back %+v", e)
		}
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
	if err := again.append(record{Op: opLogin, Accessor: "late"}); err == nil {
		t.Error("a closed journal takes records")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestJournalIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := openTestJournal(t, path)
	if _, err := openJournal(path); seen(err) == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: %v", err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	again := openTestJournal(t, path)
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
}

// A file that grows by what has ended is written anew now and then.
func TestJournalIsCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := openTestJournal(t, path)
	defer func() { _ = j.close() }()
	if err := j.append(record{Op: opChild, Accessor: "stays"}); err != nil {
		t.Fatal(err)
	}
	largest := int64(0)
	for n := range 400 {
		accessor := fmt.Sprint(n)
		if err := j.append(record{Op: opChild, Accessor: accessor, Session: strings.Repeat("x", 7000)}); err != nil {
			t.Fatal(err)
		}
		if err := j.append(record{Op: opEnd, Accessor: accessor}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	if largest > growth+20_000 {
		t.Errorf("the file grew to %d bytes", largest)
	}
	if got := len(j.list()); got != 1 {
		t.Errorf("%d are alive", got)
	}
}

// After a write that failed the file may end in half a line. The next record
// comes with a new file, in which everything is.
func TestJournalAfterAFailedWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := openTestJournal(t, path)
	if err := j.append(record{Op: opChild, Accessor: "before"}); err != nil {
		t.Fatal(err)
	}
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = j.file.Close()
	j.file = readOnly
	if err := j.append(record{Op: opChild, Accessor: "failed"}); err == nil {
		t.Fatal("a write to a read-only file succeeded")
	}
	if err := j.append(record{Op: opEnd, Accessor: "failed"}); err != nil {
		t.Fatal(err)
	}
	if err := j.append(record{Op: opChild, Accessor: "after"}); err != nil {
		t.Fatal(err)
	}
	if err := j.append(record{Op: opEnd, Accessor: "failed"}); err != nil {
		t.Errorf("ended twice: %v", err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found, err := readJournal(text)
	if err != nil || accessors(found) != "before after" {
		t.Errorf("%v, %v", accessors(found), err)
	}
}

func TestDamagedJournalSaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	text := sample(t)
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openJournal(path)
	if seen(err) == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "line ") || !strings.Contains(err.Error(), "vault lease revoke") {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadFile(path); !bytes.Equal(left, text) {
		t.Error("the damaged file was changed")
	}
}

// FuzzJournal: whatever is in the file, reading it ends in entries or an error,
// and what was read can be written and read again.
func FuzzJournal(f *testing.F) {
	text := sample(f)
	f.Add(text)
	f.Add(text[:len(text)-9])
	f.Add([]byte("00000000 {}\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := readJournal(text)
		if err != nil {
			return
		}
		again, err := found.text()
		if err != nil {
			return // it can be longer than it came: \u003c in the place of <
		}
		back, err := readJournal(again)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, again, err)
		}
		if len(back.live) != len(found.live) {
			t.Fatalf("%d entries became %d", len(found.live), len(back.live))
		}
		for accessor, one := range found.live {
			if back.live[accessor] == nil || back.live[accessor].record != one.record {
				t.Fatalf("%+v became %+v", one, back.live[accessor])
			}
		}
	})
}

// What 200 sessions at once wait for the disk.
func BenchmarkJournal(b *testing.B) {
	j, err := openJournal(filepath.Join(b.TempDir(), "journal"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.close() }()
	b.SetParallelism(100)
	var mu sync.Mutex
	next := 0
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			next++
			accessor := fmt.Sprint(next)
			mu.Unlock()
			if err := j.append(record{Op: opChild, Accessor: accessor, Database: "shop", Role: "reader", Session: "session"}); err != nil {
				b.Error(err)
			}
			if err := j.append(record{Op: opEnd, Accessor: accessor}); err != nil {
				b.Error(err)
			}
		}
	})
}
