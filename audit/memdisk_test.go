package audit

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"
)

// memDisk is a file system in memory that knows what a power cut would leave
// of it. It fails operations where a test wants it to, and forgets what a
// failed fsync should have written, as kernels do.
type memDisk struct {
	mu      sync.Mutex
	names   map[string]*inode // as processes see it
	durable map[string]*inode // as it is on disk
	ops     int               // changing operations so far
	// fault is asked before each changing operation; with an error the
	// operation does half of its work and fails.
	fault func(op string, n int) error
	// syncing is called before each fsync of a file, without the lock.
	syncing func()
}

// inode is a file or a directory.
type inode struct {
	dir     bool
	data    []byte
	dirty   []bool // per byte of data: not on disk
	durable []byte
}

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*inode{}, durable: map[string]*inode{}}
}

// change counts an operation and decides its fate. The lock is held.
func (d *memDisk) change(op string) error {
	d.ops++
	if d.fault == nil {
		return nil
	}
	return d.fault(op, d.ops)
}

func (d *memDisk) OpenFile(name string, flag int, _ fs.FileMode) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	node := d.names[name]
	if node == nil {
		if flag&os.O_CREATE == 0 {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if err := d.change("create"); err != nil {
			return nil, err
		}
		node = &inode{}
		d.names[name] = node
	}
	if flag&os.O_TRUNC != 0 {
		node.resize(0)
	}
	return &memFile{d, node, name}, nil
}

func (d *memDisk) ReadDir(dir string) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if filepath.Dir(name) == dir {
			out = append(out, fs.FileInfoToDirEntry(memInfo{filepath.Base(name), d.names[name]}))
		}
	}
	return out, nil
}

func (d *memDisk) Mkdir(name string, _ fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	if err := d.change("mkdir"); err != nil {
		return err
	}
	d.names[name] = &inode{dir: true}
	return nil
}

func (d *memDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change("rename"); err != nil {
		return err
	}
	if d.names[from] == nil {
		return fs.ErrNotExist
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

func (d *memDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change("remove"); err != nil {
		return err
	}
	delete(d.names, name)
	return nil
}

func (d *memDisk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change("syncdir"); err != nil {
		return err
	}
	for name := range d.durable {
		if filepath.Dir(name) == dir && d.names[name] == nil {
			delete(d.durable, name)
		}
	}
	for name, node := range d.names {
		if filepath.Dir(name) == dir {
			d.durable[name] = node
		}
	}
	return nil
}

// powerCut returns the disk as it may be after the power failed: what was
// synced, and by chance parts of what was not.
func (d *memDisk) powerCut(random *rand.Rand) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemDisk()
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if d.durable[name] == nil && random.IntN(2) == 0 {
			after.names[name] = d.names[name].afterCut(random)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.durable)) {
		after.names[name] = d.durable[name].afterCut(random)
	}
	for name := range after.names {
		for dir := filepath.Dir(name); strings.Contains(dir, string(filepath.Separator)+"trail"); dir = filepath.Dir(dir) {
			if after.names[dir] == nil {
				delete(after.names, name)
			}
		}
	}
	maps.Copy(after.durable, after.names)
	return after
}

func (n *inode) afterCut(random *rand.Rand) *inode {
	if n.dir {
		return &inode{dir: true}
	}
	data := slices.Clone(n.durable)
	if random.IntN(3) > 0 && len(n.data) > len(data) {
		data = append(data, make([]byte, random.IntN(len(n.data)-len(data)+1))...)
	}
	const block = 16
	for at := 0; at < len(data); at += block {
		if random.IntN(2) == 0 {
			continue
		}
		for i := at; i < min(at+block, len(data), len(n.data)); i++ {
			if n.dirty[i] {
				data[i] = n.data[i]
			}
		}
	}
	return &inode{data: data, dirty: make([]bool, len(data)), durable: slices.Clone(data)}
}

// files returns what is under dir, for the verifier.
func (d *memDisk) files(dir string) fstest.MapFS {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := fstest.MapFS{}
	for name, node := range d.names {
		if rel, ok := strings.CutPrefix(name, dir+string(filepath.Separator)); ok && !node.dir {
			out[filepath.ToSlash(rel)] = &fstest.MapFile{Data: slices.Clone(node.data), Mode: 0o600}
		}
	}
	return out
}

// resize changes the length; what is new is zero and not on disk.
func (n *inode) resize(size int) {
	old := len(n.data)
	if size > old {
		n.data = append(n.data, make([]byte, size-old)...)
		n.dirty = append(n.dirty, make([]bool, size-old)...)
		for i := old; i < size; i++ {
			n.dirty[i] = true
		}
	}
	n.data, n.dirty = n.data[:size], n.dirty[:size]
}

// memFile is an open file.
type memFile struct {
	disk *memDisk
	node *inode
	name string
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err := f.disk.change("write")
	if err != nil {
		p = p[:len(p)/2]
	}
	f.node.resize(max(len(f.node.data), int(off)+len(p)))
	copy(f.node.data[off:], p)
	for i := range p {
		f.node.dirty[int(off)+i] = true
	}
	return len(p), err
}

func (f *memFile) Sync() error {
	if f.disk.syncing != nil {
		f.disk.syncing()
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.change("sync"); err != nil {
		clear(f.node.dirty) // gone, and nobody will be told again
		return err
	}
	if more := len(f.node.data) - len(f.node.durable); more > 0 {
		f.node.durable = append(f.node.durable, make([]byte, more)...)
	}
	f.node.durable = f.node.durable[:len(f.node.data)]
	for i, dirty := range f.node.dirty {
		if dirty {
			f.node.durable[i] = f.node.data[i]
		}
	}
	clear(f.node.dirty)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.change("truncate"); err != nil {
		return err
	}
	f.node.resize(int(size))
	return nil
}

func (f *memFile) Stat() (fs.FileInfo, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return memInfo{filepath.Base(f.name), f.node}, nil
}

func (f *memFile) Close() error { return nil }

type memInfo struct {
	name string
	node *inode
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return int64(len(i.node.data)) }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return i.node.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) String() string     { return fmt.Sprintf("%s (%d bytes)", i.name, i.Size()) }
func (i memInfo) Mode() fs.FileMode {
	if i.node.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
