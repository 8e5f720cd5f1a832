package transfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// frame is a message of a server.
func frame(typ byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{typ}, uint32(len(body)+4))) + body
}

const (
	ready    = "Z\x00\x00\x00\x05I"
	complete = "C\x00\x00\x00\x08OK\x00\x00"
)

var failure = frame('E', "SERROR\x00C23505\x00Mdup\x00Dx=1\x00\x00")

// silence is what a server ends with that stays there and says nothing.
const silence = "(silence)"

// saying is a link to a server that says this, whatever it is asked, and goes away.
func saying(t *testing.T, side wire.Side, text string) *link {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	go func() {
		text, stays := strings.CutSuffix(text, silence)
		_, _ = io.WriteString(theirs, text)
		if !stays {
			_ = theirs.Close()
		}
	}()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return &link{side: side, conn: wire.NewConn(ours, side)}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct{ name, said, rows, wrong string }{
		{"rows", frame('T', "\x00\x00") + frame('D', "\x00\x01\x00\x00\x00\x01x") + frame('D', "\x00\x01\xff\xff\xff\xff") + complete + ready, "x|", ""},
		{"an error, then the end", failure + ready, "", "23505"},
		{"rows, then an error", frame('D', "\x00\x01\x00\x00\x00\x01x") + failure + ready, "x", "23505"},
		{"a notice with an escape", frame('N', "Mx\x1b\x00\x00") + ready, "", ""},
		{"the end of the connection", frame('T', "\x00\x00"), "", "EOF"},
		{"a wish for data", frame('G', "\x00\x00\x00"), "", "data that nobody offered"},
		{"a row that ends early", frame('D', "\x00\x02\x00\x00\x00\x01x") + ready, "", "ends early"},
		{"a row that goes on", frame('D', "\x00\x00x") + ready, "", "more in it than its fields"},
		{"a field behind its row", frame('D', "\x00\x01\x7f\xff\xff\xffx") + ready, "", "ends behind its row"},
		{"another number of columns", frame('D', "\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff") + ready, "", "2 columns instead of 1"},
		{"an answer without end", frame('D', "\x00\x01\x00\x3f\xff\xf0"+strings.Repeat("x", 4<<20-16)) + strings.Repeat(frame('D', "\x00\x01\x00\x3f\xff\x00"+strings.Repeat("x", 4<<20-256)), 9), "", "too large"},
		{"a message that is too long", "D\x7f\x00\x00\x00", "", "too large"},
		{"no length", "D\x00\x00\x00\x00", "", "length 0"},
		{"a status of nothing", frame('Z', ""), "", "0 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := saying(t, atSource, c.said)
			rows, err := l.rows(t.Context(), "SELECT", 1)
			var got []string
			for _, r := range rows {
				got = append(got, r[0])
			}
			if c.rows != "" && strings.Join(got, "|") != c.rows {
				t.Errorf("rows are %q", got)
			}
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("the error is %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "x=1") {
				t.Errorf("%v quotes a row", err)
			}
		})
	}
}

// inBinary is a COPY of two rows as a server sends it.
var inBinary = []string{signature + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01a", "\x00\x01\x00\x00\x00\x01b", "\xff\xff"}

func TestReadingRefusesWhatIsNoCopy(t *testing.T) {
	begin := frame('1', "") + frame('2', "") + frame('H', "\x01\x00\x01\x00\x01")
	end := frame('c', "") + complete + ready
	data := func(pieces ...string) string {
		out := begin
		for _, p := range pieces {
			out += frame('d', p)
		}
		return out
	}
	for _, c := range []struct {
		name, said string
		rows       uint64
		wrong      string
	}{
		{"a copy", data(inBinary...) + end, 2, ""},
		{"one without rows", data(signature+"\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff") + end, 0, ""},
		{"one in one piece without rows", data(signature+"\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff") + end, 0, ""},
		{"no header", data(inBinary[1:]...) + end, 0, "not what was expected"},
		{"no trailer", data(inBinary[:2]...) + end, 0, "without its trailer"},
		{"a row behind the trailer", data(append(inBinary, inBinary[1])...) + end, 0, "not what was expected"},
		{"an error in the middle", data(inBinary[:2]...) + failure + ready, 0, "23505"},
		{"the end of the connection", data(inBinary[:2]...), 0, "EOF"},
		{"a row of a query", data(inBinary[:1]...) + frame('D', "\x00\x00"), 0, "within a COPY"},
		{"no copy", frame('1', "") + complete + ready, 0, "did not begin"},
		{"a copy the other way", frame('G', "\x00\x00\x00"), 0, "other direction"},
		{"a refusal", failure + ready, 0, "23505"},
		{"a long row", data(inBinary[0], "\x00\x01\x00\x01\x00\x00"+strings.Repeat("x", 1<<16), "\xff\xff") + end, 2, ""},
		{"a long row first", data(signature+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00"+strings.Repeat("x", 1<<16), "\xff\xff") + end, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			r := &reading{
				from: saying(t, atSource, c.said), binary: true, hash: newRowHash([16]byte{}), count: &counter{},
				emit: func(p []byte) error { out.Write(p); return nil },
			}
			err := r.run(t.Context(), "COPY")
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("the error is %v", err)
			}
			if err == nil && r.hash.rows != c.rows {
				t.Errorf("%d rows", r.hash.rows)
			}
			if err == nil && !strings.HasPrefix(out.String(), signature) || err == nil && !strings.HasSuffix(out.String(), "\xff\xff") {
				t.Error("what came out is no COPY")
			}
		})
	}
}

// TestLongRowsHaveTheirDigest makes sure that a row has one sum in one piece and in
// many.
func TestLongRowsHaveTheirDigest(t *testing.T) {
	row := "\x00\x01\x00\x01\x00\x00" + strings.Repeat("x", 1<<16)
	said := frame('H', "\x01\x00\x01\x00\x01") + frame('d', signature+"\x00\x00\x00\x00\x00\x00\x00\x00"+row) + frame('d', row) + frame('d', "\xff\xff") + frame('c', "") + complete + ready
	r := &reading{from: saying(t, atSource, said), binary: true, hash: newRowHash([16]byte{}), count: &counter{}}
	if err := r.run(t.Context(), "COPY"); err != nil {
		t.Fatal(err)
	}
	want := newRowHash([16]byte{})
	want.row([]byte(row))
	want.row([]byte(row))
	if r.hash.digest() != want.digest() {
		t.Error("the digests differ")
	}
}

// TestPumpEnds makes sure that a stream ends whichever end fails, and names it.
func TestPumpEnds(t *testing.T) {
	source := frame('H', "\x00\x00\x01\x00\x00") + strings.Repeat(frame('d', "x\n"), 1000)
	whole := source + frame('c', "") + complete + ready
	loads := frame('G', "\x00\x00\x01\x00\x00")
	for _, c := range []struct{ name, source, destination, side, wrong string }{
		{"the source fails", source + failure + ready, loads + silence, "source", "23505"},
		{"the source goes away", source, loads + silence, "source", "EOF"},
		{"the destination refuses", whole, failure + ready, "destination", "23505"},
		{"the destination fails", whole, loads + failure + ready, "destination", "23505"},
		{"the destination ends early", whole, loads + complete + ready, "destination", "before the data did"},
		{"the destination goes away", whole, loads, "destination", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &pump{
				reading: reading{from: saying(t, atSource, c.source), hash: newRowHash([16]byte{}), count: &counter{}},
				to:      saying(t, atDestination, c.destination), into: "COPY", what: "t",
			}
			err := p.run(t.Context(), "COPY")
			var e *Error
			if !errors.As(err, &e) || string(e.Side) != c.side || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestJobsAreChecked(t *testing.T) {
	open := func(context.Context) (*pgconn.PgConn, error) { return nil, errors.New("not reached") }
	good := func() Job {
		return Job{Copy: strings.Repeat("a", 26), Source: open, Destination: open, Owner: "o", Items: []Item{{Schema: "s", Name: "t"}}}
	}
	if j := good(); j.check() != nil || j.Streams != 2 || j.Now == nil {
		t.Error("a good job is not taken")
	}
	for name, spoil := range map[string]func(*Job){
		"id": func(j *Job) { j.Copy = strings.Repeat("A", 26) }, "short id": func(j *Job) { j.Copy = "a" }, "no items": func(j *Job) { j.Items = nil },
		"no owner": func(j *Job) { j.Owner = "" }, "streams": func(j *Job) { j.Streams = 17 }, "no source": func(j *Job) { j.Source = nil },
		"both": func(j *Job) { j.Items[0].Query = "SELECT 1" }, "neither": func(j *Job) { j.Items[0] = Item{} }, "existing": func(j *Job) { j.Items[0].Existing = 9 },
		"query without a name": func(j *Job) { j.Items[0] = Item{Query: "SELECT 1"} }, "long name": func(j *Job) { j.Items[0].TargetName = strings.Repeat("x", 64) },
		"public": func(j *Job) { j.Items[0].Grants = []Grant{{Role: "PUBLIC", Privileges: []string{"SELECT"}}} }, "privilege": func(j *Job) { j.Items[0].Grants = []Grant{{Role: "r", Privileges: []string{"ALL"}}} },
		"nothing granted": func(j *Job) { j.Items[0].Grants = []Grant{{Role: "r"}} },
	} {
		j := good()
		spoil(&j)
		if _, err := Run(t.Context(), j); err == nil || strings.Contains(err.Error(), "not reached") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
