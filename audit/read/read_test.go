package read_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin opens a trail of small segments with a clock of its own: the n-th
// look at it is n seconds after 09:00:00.
func begin(t *testing.T) (*audit.Trail, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "trail")
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 12, 4, 9, 0, 0, 0, time.UTC)
	tr, err := audit.Open(dir, audit.Options{Key: key, SegmentBytes: 600, CheckpointEvery: time.Hour, Now: func() time.Time {
		now = now.Add(time.Second)
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	return tr, dir
}

func add(t *testing.T, tr *audit.Trail, typ, id, session string, body any) {
	t.Helper()
	if _, err := tr.Append(context.Background(), audit.Event{Type: typ, ID: id, Session: session, Body: body}); err != nil {
		t.Fatal(err)
	}
}

// story is a trail with two sessions that overlap, over several segments.
func story(t *testing.T) string {
	t.Helper()
	tr, dir := begin(t)
	add(t, tr, "session.open", "", "s1", map[string]any{"identity": map[string]any{"user": "alice"}, "database": "shop"})
	add(t, tr, "session.open", "", "s2", map[string]any{"user": "bob"})
	add(t, tr, "decision", "AAAA2222", "s1", map[string]any{"verdict": "deny", "subject": "COPY of public.users to the client", "reasons": []string{"no"}})
	add(t, tr, "decision", "BBBB3333", "s2", map[string]any{"verdict": "allow", "text": "select '\x1b[31m\u009b\u202e\u007f'", "empty": "", "eq": "a=b"})
	add(t, tr, "result", "AAAA2222", "s1", map[string]any{"sqlstate": "42501", "rows": 0})
	add(t, tr, "session.close", "", "s1", nil)
	add(t, tr, "decision", "CCCC4444", "s1", nil)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func show(t *testing.T, dir string, f read.Filter, format read.Format) string {
	t.Helper()
	var out bytes.Buffer
	if err := read.Show(&out, dir, f, format); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestShowText(t *testing.T) {
	dir := story(t)
	got := show(t, dir, read.Filter{Type: "decision"}, read.Text)
	want := strings.Join([]string{
		`2026-12-04T09:00:04.000000Z      3 decision id=AAAA2222 session=s1 reasons=["no"] subject="COPY of public.users to the client" verdict=deny`,
		`2026-12-04T09:00:05.000000Z      4 decision id=BBBB3333 session=s2 empty="" eq="a=b" text="select '\x1b[31m\u009b\u202e\x7f'" verdict=allow`,
		`2026-12-04T09:00:08.000000Z      7 decision id=CCCC4444 session=s1`,
	}, "\n") + "\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, r := range show(t, dir, read.Filter{}, read.Text) {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e) {
			t.Errorf("the text has the character %U", r)
		}
	}
}

func TestShowFilters(t *testing.T) {
	dir := story(t)
	at := func(second int) time.Time { return time.Date(2026, 12, 4, 9, 0, second, 0, time.UTC) }
	for name, c := range map[string]struct {
		filter read.Filter
		want   string
	}{
		"all":            {read.Filter{}, "0 1 2 3 4 5 6 7 8"},
		"session":        {read.Filter{Session: "s2"}, "2 4"},
		"id":             {read.Filter{ID: "AAAA2222"}, "3 5"},
		"type":           {read.Filter{Type: "session"}, "1 2 6"},
		"whole type":     {read.Filter{Type: "session.open"}, "1 2"},
		"part of a word": {read.Filter{Type: "sess"}, ""},
		"since":          {read.Filter{Since: at(7)}, "6 7 8"},
		"until":          {read.Filter{Until: at(3)}, "0 1 2"},
		"both":           {read.Filter{Since: at(3), Until: at(4)}, "2 3"},
		"user":           {read.Filter{User: "alice"}, "1 3 5 6"},
		"user and type":  {read.Filter{User: "alice", Type: "result"}, "5"},
		"other user":     {read.Filter{User: "bob"}, "2 4"},
		"nobody":         {read.Filter{User: "mallory"}, ""},
	} {
		var got []string
		for line := range strings.Lines(show(t, dir, c.filter, read.NDJSON)) {
			r, err := record.Parse([]byte(strings.TrimSuffix(line, "\n")))
			if err != nil {
				t.Fatalf("%s: not a record: %v", line, err)
			}
			got = append(got, fmt.Sprint(r.Index))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: records %s, expected %s", name, s, c.want)
		}
	}
}

func TestUserOf(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: "", `{"user":"a"}`: "a", `{"user":1}`: "", `{"identity":{"user":"b"}}`: "b",
		`{"request":{"identity":{"user":"c"}}}`: "c", `{"request":"x"}`: "", `{"identity":[],"user":"d"}`: "d",
	} {
		if got := read.UserOf(record.Record{Body: []byte(body)}); got != want {
			t.Errorf("%s: %q, expected %q", body, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	dir := story(t)
	found, err := read.Find(t.Context(), dir, "AAAA2222")
	if err != nil || len(found) != 2 || found[0].Type != "result" || found[1].Type != "decision" || !strings.Contains(string(found[1].Body), "public.users") {
		t.Errorf("found %d records, %v", len(found), err)
	}
	for _, id := range []string{"NOTHERE2", `odd"id`, "AAAA222"} {
		if found, err := read.Find(t.Context(), dir, id); err != nil || len(found) != 0 {
			t.Errorf("%s: found %d records, %v", id, len(found), err)
		}
	}
	if _, err := read.Find(t.Context(), t.TempDir(), "AAAA2222"); err == nil {
		t.Error("found something in a directory without a trail")
	}
}

// TestFindIsBounded finds the newest thousand of more.
func TestFindIsBounded(t *testing.T) {
	tr, dir := begin(t)
	for i := range 1200 {
		if err := tr.Enqueue(audit.Event{Type: "result", ID: "SAME", Body: map[string]int{"n": i}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := read.Find(t.Context(), dir, "SAME")
	if err != nil || len(found) != 1000 || string(found[0].Body) != `{"n":1199}` || string(found[999].Body) != `{"n":200}` {
		t.Errorf("found %d records, %v", len(found), err)
	}
}

// TestDamage shows a trail with a spoiled record: an error that says where,
// after everything before it. An unfinished end is none.
func TestDamage(t *testing.T) {
	dir := story(t)
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(segments) < 3 {
		t.Fatalf("%q, %v", segments, err)
	}
	last := segments[len(segments)-1]
	data, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(last, data[:len(data)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	if s := show(t, dir, read.Filter{}, read.Text); strings.Contains(s, "trail.close") || !strings.Contains(s, "CCCC4444") {
		t.Errorf("with an unfinished end:\n%s", s)
	}
	data, err = os.ReadFile(segments[1])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-20] ^= 1
	if err := os.WriteFile(segments[1], data, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := read.Show(&out, dir, read.Filter{}, read.Text); err == nil || !strings.Contains(err.Error(), filepath.Base(segments[1])) || !strings.Contains(out.String(), "trail.open") {
		t.Errorf("with a spoiled record: %v\n%s", err, out.String())
	}
	if _, err := read.Find(t.Context(), dir, "AAAA2222"); err == nil {
		t.Error("found something past a spoiled record")
	}
}

// lines is a writer whose lines can be waited for.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) waitFor(t *testing.T, what string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		found := strings.Contains(l.text.String(), what)
		l.mu.Unlock()
		if found {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q does not come:\n%s", what, l.text.String())
		}
	}
}

// TestTail follows a trail over many segments; it shows the last ten records
// and each later one exactly once.
func TestTail(t *testing.T) {
	tr, dir := begin(t)
	for i := range 30 {
		add(t, tr, "decision", fmt.Sprintf("OLD%03d", i), "", nil)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var out lines
	ended := make(chan error, 1)
	go func() { ended <- read.Tail(ctx, &out, dir, read.Text) }()
	out.waitFor(t, "OLD029")
	for i := range 30 {
		add(t, tr, "decision", fmt.Sprintf("NEW%03d", i), "", nil)
		if i%10 == 9 {
			out.waitFor(t, fmt.Sprintf("NEW%03d", i))
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	out.waitFor(t, "trail.close")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Tail ended with %v", err)
	}
	text := out.text.String()
	for i := range 30 {
		if n := strings.Count(text, fmt.Sprintf("NEW%03d", i)); n != 1 {
			t.Errorf("the new record %d is shown %d times", i, n)
		}
	}
	if first := strings.Index(text, "OLD"); first < 0 || strings.Count(text, "OLD") > 10 || strings.Contains(text, "OLD000") {
		t.Errorf("shown of what was there:\n%s", text)
	}
}

func TestFormats(t *testing.T) {
	for s, want := range map[string]read.Format{"text": read.Text, "ndjson": read.NDJSON} {
		if f, err := read.ParseFormat(s); err != nil || f != want {
			t.Errorf("%s: %v, %v", s, f, err)
		}
	}
	if _, err := read.ParseFormat("xml"); err == nil {
		t.Error("xml is taken")
	}
}
