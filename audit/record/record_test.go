package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

const good = `{"body":{"request_digest":"` + someDigest + `","user":"alice"},"id":"K7Q2M4XA","index":7,"session":"s1","time":"2026-12-04T09:30:02.000001Z","type":"decision","v":1}`

const someDigest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

// frameOf frames a payload, written apart from the writer's code.
func frameOf(mark byte, payload string) string {
	text := string(mark) + payload
	return fmt.Sprintf("%08x%s\n", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)), text)
}

func TestParse(t *testing.T) {
	r, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if r.Index != 7 || r.ID != "K7Q2M4XA" || r.Session != "s1" || r.Type != "decision" ||
		r.Time.Format(TimeLayout) != "2026-12-04T09:30:02.000001Z" || !bytes.HasPrefix(r.Body, []byte(`{"request`)) || string(r.Raw) != good {
		t.Errorf("read as %+v", r)
	}
	digests, err := Digests(r.Body)
	if err != nil || len(digests) != 1 || digests[0] != someDigest {
		t.Errorf("digests %q, %v", digests, err)
	}
}

// TestParseRefuses changes a good record in ways that leave it JSON, or
// nearly so. There is one way to write a record.
func TestParseRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{`{"body"`, `{ "body"`},
		{`"index":7`, `"index":07`},
		{`"index":7`, `"index":-7`},
		{`"index":7`, `"index":7.0`},
		{`"index":7`, `"index":"7"`},
		{`"index":7`, `"index":9007199254740992`},
		{`"v":1`, `"v":2`},
		{`"v":1`, `"v":1,"w":1`},
		{`,"v":1`, ``},
		{`"id":"K7Q2M4XA",`, ``},
		{`K7Q2M4XA`, `K7\u0051`},
		{`K7Q2M4XA`, "K7\x01"},
		{`K7Q2M4XA`, "K7\xff"},
		{`K7Q2M4XA`, `K7\/`},
		{`K7Q2M4XA`, `K7\u000a`},
		{`K7Q2M4XA`, `K7\u001F`},
		{`000001Z`, `00001Z`},
		{`000001Z`, `000001+00:00`},
		{`12-04`, `13-04`},
		{`"decision"`, `"Decision"`},
		{`"decision"`, `""`},
		{`"decision"`, `"a."`},
		{`{"request_digest":"` + someDigest + `","user":"alice"}`, `[]`},
		{`{"request_digest":"` + someDigest + `","user":"alice"}`, `{"user":"alice","request_digest":""}`},
		{`{"request_digest":"` + someDigest + `","user":"alice"}`, `{"a":1,"a":1}`},
		{`{"request_digest":"` + someDigest + `","user":"alice"}`, strings.Repeat(`{"a":`, 70) + `1` + strings.Repeat(`}`, 70)},
		{`"v":1}`, `"v":1} `},
		{`"v":1}`, `"v":1`},
	} {
		text := strings.Replace(good, c[0], c[1], 1)
		if text == good {
			t.Fatalf("%q does not stand in the record", c[0])
		}
		if r, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s instead of %s is taken: %+v", c[1], c[0], r)
		}
	}
	for _, bad := range []string{`{"x_digest":1}`, `{"x_digest":"AB"}`, `{"a":[{"x_digest":null}]}`} {
		if _, err := Digests([]byte(bad)); err == nil {
			t.Errorf("%s refers to nothing and is taken", bad)
		}
	}
}

// TestScanner reads good frames, and goes on behind bad ones.
func TestScanner(t *testing.T) {
	text := frameOf(MarkFirst, good) + frameOf(MarkMore, `{}`) + "00000000+{}\n" + frameOf(MarkFirst, `[]`) +
		strings.Repeat("x", MaxBytes+100) + "\n" + frameOf(MarkFirst, `1`) + "\n" + "unfinished"
	in := NewScanner(strings.NewReader(text), 100)
	var got []string
	for {
		f, err := in.Next()
		var bad *FrameError
		switch {
		case err == io.EOF:
			got = append(got, "end")
		case errors.Is(err, ErrUnfinished):
			got = append(got, "unfinished")
		case errors.As(err, &bad):
			got = append(got, fmt.Sprintf("bad %d", bad.Bytes))
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, fmt.Sprintf("%v %.5s %d", f.First, f.Payload, f.Size))
		}
		if err == io.EOF {
			break
		}
	}
	want := fmt.Sprintf("true {\"bod %d,false {} 12,bad 12,true [] 12,bad %d,true 1 11,bad 1,unfinished,end", len(good)+10, MaxBytes+101)
	if s := strings.Join(got, ","); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	if in.Offset() != int64(100+len(text)) {
		t.Errorf("stands at %d, expected %d", in.Offset(), 100+len(text))
	}
}

func TestSegmentName(t *testing.T) {
	for _, n := range []int64{0, 1, 9999999999999999} {
		if back, ok := ParseSegmentName(SegmentName(n)); !ok || back != n {
			t.Errorf("%d becomes %s becomes %d", n, SegmentName(n), back)
		}
	}
	for _, bad := range []string{"", "0.seg", "000000000000000x.seg", "-000000000000001.seg", "+000000000000001.seg", "0000000000000000.seg.tmp", "00000000000000000.seg"} {
		if _, ok := ParseSegmentName(bad); ok {
			t.Errorf("%q is taken for a segment", bad)
		}
	}
}

// signer returns a key pair for checkpoints.
func signer(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(nil, "trail.example/test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

// TestCheckpointText signs texts that are almost a checkpoint: the signature
// is good, the text is not.
func TestCheckpointText(t *testing.T) {
	s, v := signer(t)
	const root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	open := func(text string) (Checkpoint, error) {
		msg, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		return OpenCheckpoint(msg, v)
	}
	c, err := open("origin\n42\n" + root + "\n")
	if err != nil || c.Origin != "origin" || c.Size != 42 || c.Root.String() != root {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, text := range []string{
		"origin\n42\n", "\n42\n" + root + "\n", "origin\n042\n" + root + "\n", "origin\n-1\n" + root + "\n", "origin\n+1\n" + root + "\n",
		"origin\n42\n" + strings.Replace(root, "FU=", "FV=", 1) + "\n", "origin\n42\n" + root + "\nmore\n", "origin\n42\n" + root + "=\n",
		"origin\n9223372036854775808\n" + root + "\n", "origin\n42 \n" + root + "\n", "origin\n42\n" + root[4:] + "\n",
	} {
		if c, err := open(text); err == nil {
			t.Errorf("%q is taken: %+v", text, c)
		}
	}
	if _, err := OpenCheckpoint(bytes.Repeat([]byte("x"), maxCheckpointBytes+1), v); err == nil {
		t.Error("a huge checkpoint is taken")
	}
}

// FuzzReadRecord reads anything as a record. What is taken must be canonical
// JSON that encoding/json reads alike.
func FuzzReadRecord(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "alice", `\u0000\"é😀`, 1)))
	f.Add([]byte(`{"body":{},"id":"","index":0,"session":"","time":"2026-12-04T09:30:02.000001Z","type":"trail.open","v":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		if err := CheckCanonical(text); err != nil {
			t.Fatalf("a record that is not canonical: %v", err)
		}
		var same struct {
			Index             int64
			ID, Session, Type string
			Time              string
		}
		if err := json.Unmarshal(text, &same); err != nil {
			t.Fatal(err)
		}
		if same.Index != r.Index || same.ID != r.ID || same.Session != r.Session || same.Type != r.Type || same.Time != r.Time.Format(TimeLayout) {
			t.Fatalf("read as %+v, encoding/json reads %+v", r, same)
		}
		if _, err := Digests(r.Body); err != nil && CheckCanonical(r.Body) != nil {
			t.Fatal(err)
		}
	})
}

// FuzzFrames reads anything as a segment. The frames and the gaps between
// them must add up to the input.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(frameOf(MarkFirst, good) + frameOf(MarkMore, `{}`)))
	f.Add([]byte("00000000+\n\n\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := NewScanner(bytes.NewReader(text), 0)
		var sum int64
		for {
			frame, err := in.Next()
			var bad *FrameError
			if errors.As(err, &bad) {
				sum += bad.Bytes
				continue
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if frame.Offset != sum || frameOf(text[frame.Offset+8], string(frame.Payload)) != string(text[sum:sum+frame.Size]) {
				t.Fatalf("a frame at %d that does not stand there", frame.Offset)
			}
			sum += frame.Size
			if _, err := ParseHeader(frame.Payload); err == nil && CheckCanonical(frame.Payload) != nil {
				t.Fatalf("a header that is not canonical: %s", frame.Payload)
			}
		}
		if sum != int64(len(text)) {
			t.Fatalf("%d of %d bytes were read", sum, len(text))
		}
	})
}

// FuzzCheckpoints reads anything as a list of checkpoints. What is taken is
// what was signed.
func FuzzCheckpoints(f *testing.F) {
	s, v := signer(f)
	signed := map[string]bool{}
	var list []byte
	for _, size := range []int{3, 7} {
		text := fmt.Sprintf("origin\n%d\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", size)
		msg, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			f.Fatal(err)
		}
		signed[string(msg)] = true
		list = append(append(list, msg...), '\n')
	}
	f.Add(list)
	f.Add(list[:len(list)-3])
	f.Fuzz(func(t *testing.T, text []byte) {
		in := NewCheckpoints(bytes.NewReader(text), 0, v)
		for {
			_, err := in.Next()
			if err == io.EOF {
				return
			}
			var bad *FrameError
			if errors.As(err, &bad) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !signed[string(in.Raw())] {
				t.Fatalf("nobody signed %q", in.Raw())
			}
		}
	})
}
