package audit

import (
	"bytes"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/audit/verify"
)

// FuzzVerifySegment gives the verifier anything for a signed trail's segment.
// Only the segment that was signed may pass, and an ending of it that says it
// is none.
func FuzzVerifySegment(f *testing.F) {
	dir, key := smallTrail(f, true)
	files := inMemory(f, dir)
	names := segmentNames(files)
	for i, name := range names {
		f.Add(i, files[name].Data)
	}
	f.Add(0, []byte{})
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		name := names[uint(which)%uint(len(names))]
		r, err := verifyFiles(spoiled(files, name, data), key)
		if err != nil && !errors.Is(err, verify.ErrBad) {
			t.Fatal(err)
		}
		if err == nil && !bytes.HasPrefix(data, files[name].Data) && !sameRecords(data, files[name].Data) {
			t.Fatalf("%s is called good with %q: %+v", name, data, r)
		}
	})
}

// sameRecords tells whether two segments hold the same payloads: the marks of
// the frames are not signed, since they only serve recovery.
func sameRecords(a, b []byte) bool {
	return bytes.Equal(payloads(a), payloads(b))
}

func payloads(segment []byte) []byte {
	var out []byte
	in := record.NewScanner(bytes.NewReader(segment), 0)
	for {
		frame, err := in.Next()
		if err != nil {
			return out
		}
		out = append(append(out, frame.Payload...), '\n')
	}
}

// FuzzOpen opens a trail whose last segment and checkpoints are anything. It
// opens or refuses; if it opens, what comes of it verifies.
func FuzzOpen(f *testing.F) {
	for _, signed := range []bool{true, false} {
		dir, _ := smallTrail(f, signed)
		files := inMemory(f, dir)
		names := segmentNames(files)
		last := files[names[len(names)-1]].Data
		f.Add(last, files["checkpoints"].Data)
		f.Add(last[:len(last)-5], files["checkpoints"].Data)
	}
	dir, key := smallTrail(f, true)
	files := inMemory(f, dir)
	names := segmentNames(files)
	lock := f.TempDir()
	f.Fuzz(func(t *testing.T, segment, checkpoints []byte) {
		forged := spoiled(spoiled(files, names[len(names)-1], segment), "checkpoints", checkpoints)
		delete(forged, "latest")
		disk := diskOf(forged, lock)
		tr, err := Open(lock, Options{Key: key, Disk: disk})
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("refused for another reason: %v", err)
			}
			return
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		if r, err := verifyFiles(disk.files(lock), key); err != nil {
			t.Fatalf("opened and closed, and then: %v\n%s", err, r)
		}
	})
}

// diskOf puts a trail's files on a disk in memory, all of them durable.
func diskOf(files fstest.MapFS, dir string) *memDisk {
	disk := newMemDisk()
	disk.names[dir] = &inode{dir: true}
	for name, file := range files {
		path := dir
		for _, part := range bytes.Split([]byte(name), []byte("/")) {
			if disk.names[path] == nil {
				disk.names[path] = &inode{dir: true}
			}
			path += "/" + string(part)
		}
		data := bytes.Clone(file.Data)
		disk.names[path] = &inode{data: data, dirty: make([]bool, len(data)), durable: bytes.Clone(data)}
	}
	return disk
}
