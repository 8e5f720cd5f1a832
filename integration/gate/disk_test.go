package gate

import (
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sluice-pg/sluice/audit"
)

// smallDisk is a real file system that is full once its room is used up.
type smallDisk struct{ room atomic.Int64 }

type smallFile struct {
	*os.File
	disk *smallDisk
}

func (d *smallDisk) OpenFile(name string, flag int, perm fs.FileMode) (audit.File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return smallFile{f, d}, nil
}

func (*smallDisk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (*smallDisk) Mkdir(name string, perm fs.FileMode) error  { return os.Mkdir(name, perm) }
func (*smallDisk) Rename(from, to string) error               { return os.Rename(from, to) }
func (*smallDisk) Remove(name string) error                   { return os.Remove(name) }

func (*smallDisk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// WriteAt writes what there is room for, as a full file system does.
func (f smallFile) WriteAt(p []byte, at int64) (int, error) {
	left := f.disk.room.Add(-int64(len(p)))
	if left >= 0 {
		return f.File.WriteAt(p, at)
	}
	fits := max(0, int64(len(p))+left)
	n, err := f.File.WriteAt(p[:fits], at)
	if err != nil {
		return n, err
	}
	return n, syscall.ENOSPC
}

// When the trail's disk is full, statements stop: none runs that is not on
// record.
func TestFullDisk(t *testing.T) {
	disk := &smallDisk{}
	disk.room.Store(64 << 10)
	p := startPlace(t, setup{disk: disk})
	newCanary(t, "canary_disk")
	c := p.connect(t, "")
	ran := 0
	for range 2000 {
		err := run(t, c, "INSERT INTO canary_disk SELECT 'x'::text FROM pg_class LIMIT 1")
		if err != nil {
			if got := code(err); got != "58000" && !c.IsClosed() {
				t.Errorf("got %v, want SQLSTATE 58000", err)
			}
			break
		}
		ran++
	}
	if ran == 0 || ran == 2000 {
		t.Fatalf("%d statements ran", ran)
	}
	if _, err := p.try(""); err == nil {
		t.Error("a session began on a full disk")
	}
	if unready := problems(p); len(unready) != 1 || unready[0] != "trail" {
		t.Errorf("on a full disk these are in the way of new clients: %v, want trail", unready)
	}
	rows := onServer(t, "SELECT count(*) FROM canary_disk")
	p.end(t)()
	if onRecord := decisions(t, p.dir+"/trail", "canary_disk"); rows > onRecord {
		t.Errorf("%d statements ran, %d are on record", rows, onRecord)
	}
}

// problems are the conditions of readiness that do not hold.
func problems(p *place) []string {
	var names []string
	for _, c := range p.server.Conditions() {
		if c.Problem != "" {
			names = append(names, c.Name)
		}
	}
	return names
}
