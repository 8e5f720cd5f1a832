package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/audit/verify"
)

// recordPlace is where a record's frame stands.
type recordPlace struct {
	file  string
	start int64
	end   int64
}

func places(t *testing.T, files fstest.MapFS) []recordPlace {
	t.Helper()
	var out []recordPlace
	for _, name := range segmentNames(files) {
		in := record.NewScanner(bytes.NewReader(files[name].Data), 0)
		for header := true; ; header = false {
			frame, err := in.Next()
			if err != nil {
				break
			}
			if !header {
				out = append(out, recordPlace{name, frame.Offset, frame.Offset + frame.Size})
			}
		}
	}
	return out
}

func segmentNames(files fstest.MapFS) []string {
	var names []string
	for name := range files {
		if strings.HasSuffix(name, ".seg") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// spoiled returns a copy of files with other content for one of them.
func spoiled(files fstest.MapFS, name string, data []byte) fstest.MapFS {
	out := fstest.MapFS{}
	for n, f := range files {
		out[n] = f
	}
	out[name] = &fstest.MapFile{Data: data, Mode: 0o600}
	return out
}

func verifyFiles(files fstest.MapFS, key *Key) (verify.Report, error) {
	return verify.FS(files, key.Verifier(), verify.Options{})
}

// TestEveryFlippedByte flips each byte of each file in several ways. Never
// may a record in or behind the changed place be called good; for a signed
// trail nothing but the flips named here may pass at all.
func TestEveryFlippedByte(t *testing.T) {
	for _, signed := range []bool{true, false} {
		dir, key := smallTrail(t, signed)
		files := inMemory(t, dir)
		whole, err := verifyFiles(files, key)
		if err != nil {
			t.Fatal(err)
		}
		where := places(t, files)
		for name, f := range files {
			for i := range f.Data {
				flips := []byte{0x20, f.Data[i] ^ '\n'}
				if signed {
					flips = append(flips, 0x01)
				}
				for _, flip := range flips {
					if flip == 0 {
						continue
					}
					data := bytes.Clone(f.Data)
					data[i] ^= flip
					checkFlip(t, fmt.Sprintf("%s byte %d ^ %#x", name, i, flip), spoiled(files, name, data), key, whole, firstTouched(where, name, int64(i)))
				}
			}
		}
	}
}

// firstTouched returns the index of the first record at or behind a byte.
func firstTouched(where []recordPlace, file string, at int64) int64 {
	for i, p := range where {
		if p.file == file && at < p.end {
			return int64(i)
		}
	}
	return int64(len(where))
}

func checkFlip(t *testing.T, what string, files fstest.MapFS, key *Key, whole verify.Report, touched int64) {
	t.Helper()
	r, err := verifyFiles(files, key)
	if err != nil && !errors.Is(err, verify.ErrBad) {
		t.Fatalf("%s: %v", what, err)
	}
	if err != nil {
		if r.OK || r.Problem == nil || r.Good > touched {
			t.Fatalf("%s: failed with %+v, but calls %d records good", what, r.Problem, r.Good)
		}
		return
	}
	// What passes must be reported: an ending that is now unfinished.
	if r.Good > touched || r.Good+r.Unsigned == whole.Good+whole.Unsigned && r.Good == whole.Good || len(r.Notes) == 0 {
		t.Fatalf("%s: nobody noticed: %+v", what, r)
	}
}

// TestEveryTruncation cuts each file at each length, and drops each file.
func TestEveryTruncation(t *testing.T) {
	for _, signed := range []bool{true, false} {
		dir, key := smallTrail(t, signed)
		files := inMemory(t, dir)
		whole, err := verifyFiles(files, key)
		if err != nil {
			t.Fatal(err)
		}
		where := places(t, files)
		for name, f := range files {
			for n := range f.Data {
				r, err := verifyFiles(spoiled(files, name, f.Data[:n]), key)
				if err == nil && r.Good+r.Unsigned == whole.Good+whole.Unsigned && r.Good == whole.Good {
					t.Fatalf("%s cut to %d bytes: nobody noticed: %+v", name, n, r)
				}
				if touched := firstTouched(where, name, int64(n)); strings.HasSuffix(name, ".seg") && r.Good+r.Unsigned > touched {
					t.Fatalf("%s cut to %d bytes: %d records are said to be there, only %d are", name, n, r.Good+r.Unsigned, touched)
				}
			}
			without := spoiled(files, name, nil)
			delete(without, name)
			if r, err := verifyFiles(without, key); err == nil && name != "lock" && name != "latest" && r.Good+r.Unsigned == whole.Good+whole.Unsigned {
				t.Fatalf("without %s: nobody noticed: %+v", name, r)
			}
		}
	}
}

// TestSegmentsInDisorder swaps, repeats and renames segments.
func TestSegmentsInDisorder(t *testing.T) {
	dir, key := smallTrail(t, true)
	files := inMemory(t, dir)
	names := segmentNames(files)
	if len(names) < 3 {
		t.Fatalf("only %d segments", len(names))
	}
	for i, a := range names {
		for j, b := range names {
			if i == j {
				continue
			}
			if r, err := verifyFiles(spoiled(files, a, files[b].Data), key); !errors.Is(err, verify.ErrBad) || r.Good > int64(len(places(t, files))) {
				t.Errorf("%s replaced by %s: %v", a, b, err)
			}
		}
	}
	extra := spoiled(files, "0000000000009999.seg", files[names[1]].Data)
	if _, err := verifyFiles(extra, key); !errors.Is(err, verify.ErrBad) {
		t.Errorf("an extra segment: %v", err)
	}
}

// rewriteRecord changes the text of one record and makes its frame fit, as
// somebody who knows the format would.
func rewriteRecord(t *testing.T, files fstest.MapFS, p recordPlace, from, to string) fstest.MapFS {
	t.Helper()
	data := files[p.file].Data
	payload := bytes.Replace(data[p.start+9:p.end-1], []byte(from), []byte(to), 1)
	changed := append(bytes.Clone(data[:p.start]), newFrame(payload)...)
	changed = append(changed, data[p.end:]...)
	if bytes.Equal(changed, data) {
		t.Fatalf("%q does not stand in %s", from, data[p.start:p.end])
	}
	return spoiled(files, p.file, changed)
}

// TestForgedRecords changes records with checksums that fit: only the tree
// can tell.
func TestForgedRecords(t *testing.T) {
	dir, key := smallTrail(t, true)
	files := inMemory(t, dir)
	for i, p := range places(t, files) {
		if i == 0 || i > 4 {
			continue
		}
		r, err := verifyFiles(rewriteRecord(t, files, p, `"alice"`, `"mallo"`), key)
		if !errors.Is(err, verify.ErrBad) || r.Good > int64(i) {
			t.Errorf("record %d forged: %v, good %d", i, err, r.Good)
		}
	}
}

// TestForgedCheckpoints signs a forged trail with another key, with the same
// key name, and takes signatures from elsewhere.
func TestForgedCheckpoints(t *testing.T) {
	dir, key := smallTrail(t, true)
	files := inMemory(t, dir)
	other := testKey(t, "trail.example/other")
	r, err := verify.FS(files, other.Verifier(), verify.Options{Origin: key.Name()})
	if !errors.Is(err, verify.ErrBad) || r.Good != 0 || !strings.Contains(err.Error(), "not signed by") {
		t.Errorf("verified with another key: %v", err)
	}
	r, err = verify.FS(files, key.Verifier(), verify.Options{Origin: "trail.example/elsewhere"})
	if !errors.Is(err, verify.ErrBad) || r.Good != 0 {
		t.Errorf("verified under another name: %v", err)
	}
	list := files["checkpoints"].Data
	first, rest, _ := bytes.Cut(list, []byte("\n\n"+key.Name()+"\n"))
	rest = append([]byte(key.Name()+"\n"), rest...)
	first = append(first, "\n\n"...)
	for name, forged := range map[string][]byte{
		"swapped":  append(bytes.Clone(rest), first...),
		"twice":    append(append(bytes.Clone(first), first...), rest...),
		"emptied":  nil,
		"one less": rest[:len(rest)-1],
	} {
		r, err := verifyFiles(spoiled(files, "checkpoints", forged), key)
		if err == nil && (r.Good == 6 || len(r.Notes) == 0) {
			t.Errorf("checkpoints %s: nobody noticed: %+v", name, r)
		}
	}
}

// signedNote signs any text with the trail's key, as nobody but the trail
// could.
func signedNote(t *testing.T, key *Key, text string) []byte {
	t.Helper()
	msg, err := note.Sign(&note.Note{Text: text}, key)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// TestRollback gives the verifier an older copy, and one with another
// history, with what somebody kept elsewhere.
func TestRollback(t *testing.T) {
	older, key := smallTrail(t, false)
	newer, _ := smallTrail(t, true)
	kept := inMemory(t, newer)["latest"].Data
	_, err := verify.Dir(newer, key.Verifier(), verify.Options{Checkpoint: kept, Expect: 6})
	if err != nil {
		t.Errorf("the newest copy: %v", err)
	}
	for what, o := range map[string]verify.Options{
		"a checkpoint": {Checkpoint: kept},
		"a number":     {Expect: 6},
	} {
		_, err := verify.Dir(older, key.Verifier(), o)
		if !errors.Is(err, verify.ErrBad) || !strings.Contains(err.Error(), "older, or was cut") {
			t.Errorf("an older copy against %s: %v", what, err)
		}
	}
	split := signedNote(t, key, fmt.Sprintf("%s\n3\n%s\n", key.Name(), (&edge{}).root()))
	_, err = verify.Dir(newer, key.Verifier(), verify.Options{Checkpoint: split})
	if !errors.Is(err, verify.ErrBad) || !strings.Contains(err.Error(), "another history") {
		t.Errorf("a split view: %v", err)
	}
	_, err = verify.Dir(newer, testKey(t, "trail.example/other").Verifier(), verify.Options{Origin: key.Name(), Checkpoint: kept})
	if err == nil || errors.Is(err, verify.ErrBad) {
		t.Errorf("a checkpoint by a stranger: %v", err)
	}
}

// TestMissingBlob takes away and changes what a record refers to.
func TestMissingBlob(t *testing.T) {
	dir, key := smallTrail(t, true)
	files := inMemory(t, dir)
	digest := digestOf([]byte("a large request"))
	name := "store/" + digest[:2] + "/" + digest[2:]
	if _, ok := files[name]; !ok {
		t.Fatalf("%s is not there", name)
	}
	for what, forged := range map[string]fstest.MapFS{
		"missing": func() fstest.MapFS { f := spoiled(files, name, nil); delete(f, name); return f }(),
		"changed": spoiled(files, name, []byte("a small request")),
	} {
		r, err := verifyFiles(forged, key)
		if !errors.Is(err, verify.ErrBad) || r.Problem.Record != 1 || !strings.Contains(err.Error(), digest) {
			t.Errorf("blob %s: %v", what, err)
		}
	}
}

// TestOpenRefusesDamage opens trails that somebody has spoiled: no crash
// explains them, so nothing may be cut.
func TestOpenRefusesDamage(t *testing.T) {
	dir, key := smallTrail(t, true)
	files := inMemory(t, dir)
	names := segmentNames(files)
	lastName := names[len(names)-1]
	last := files[lastName].Data
	for what, forged := range map[string]fstest.MapFS{
		"a signed record cut off":  spoiled(files, lastName, last[:len(last)-1]),
		"a signed record changed":  spoiled(files, lastName, bytes.Replace(last, []byte("trail.close"), []byte("trail.clone"), 1)),
		"the last segment missing": func() fstest.MapFS { f := spoiled(files, lastName, nil); delete(f, lastName); return f }(),
		"the header changed":       spoiled(files, lastName, bytes.Replace(last, []byte("first"), []byte("thirst"), 1)),
		"checkpoints missing":      func() fstest.MapFS { f := spoiled(files, "checkpoints", nil); return f }(),
		"latest changed":           spoiled(files, "latest", []byte("x")),
		"a stranger's checkpoints": spoiled(files, "checkpoints", bytes.ReplaceAll(files["checkpoints"].Data, []byte("A"), []byte("B"))),
	} {
		copied := onDisk(t, forged)
		tr, err := Open(copied, Options{Key: key})
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil {
			mustClose(t, tr)
		}
	}
	if _, err := Open(dir, Options{Key: testKey(t, "trail.example/other"), Origin: key.Name()}); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened with another key: %v", err)
	}
	tr := mustOpen(t, dir, Options{Key: key, Now: func() time.Time { return time.Unix(1e9, 0) }})
	mustClose(t, tr)
	if r := mustVerify(t, dir, key); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "earlier") {
		t.Errorf("a clock that went back years is not noted: %q", r.Notes)
	}
}
