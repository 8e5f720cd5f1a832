package secrets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// number makes names unique in this process.
var number atomic.Int64

// place makes a new path for something of a class; the name says what it is.
func place(class, name string) string {
	dir := filepath.Join(keptFolder(os.Getenv(FolderVariable)), class, suite())
	must(os.MkdirAll(dir, 0o700))
	name = strings.NewReplacer("/", "-", " ", "-").Replace(name)
	return filepath.Join(dir, fmt.Sprintf("%s-%d-%d", name[:min(len(name), 150)], os.Getpid(), number.Add(1)))
}

// Keep keeps a text that Sluice has written or shown.
func Keep(class, name string, text []byte) {
	if !Keeping() || len(text) == 0 {
		return
	}
	must(os.WriteFile(place(class, name), text, 0o600))
}

// Show keeps what a client was told. All of a test goes into one file.
func Show(name string, said any) {
	if Keeping() && said != nil {
		shown.Lock()
		defer shown.Unlock()
		key := os.Getenv(FolderVariable) + "\x00" + name
		if shown.logs[key] == "" {
			shown.logs[key] = place(Outputs, name)
		}
		must(appendTo(shown.logs[key], fmt.Appendln(nil, inFull(said))))
	}
}

// inFull is an error with all that a server has said, which a driver prints in
// part.
func inFull(said any) any {
	var pg *pgconn.PgError
	if err, ok := said.(error); ok && errors.As(err, &pg) {
		return fmt.Sprint(err, "\n", pg.Detail, "\n", pg.Hint, "\n", pg.Where, "\n", pg.InternalQuery)
	}
	return said
}

var shown = struct {
	sync.Mutex
	logs map[string]string
}{logs: map[string]string{}}

// Log returns a writer that keeps what a process prints while it runs.
func Log(name string) io.Writer {
	if !Keeping() {
		return io.Discard
	}
	file := place(Logs, name)
	return writer(func(text []byte) { must(appendTo(file, text)) })
}

// appendTo opens a file each time: whoever runs a process does not say here when
// it has ended.
func appendTo(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

type writer func([]byte)

// Write implements io.Writer.
func (w writer) Write(text []byte) (int, error) {
	w(text)
	return len(text), nil
}

// Tree is a folder in which Sluice writes. What a test puts there before Sluice
// begins is not Sluice's.
type Tree struct {
	dir, place string
	before     map[string]bool
}

// NewTree says which folder, before Sluice begins.
func NewTree(name, dir string) *Tree {
	if !Keeping() {
		return nil
	}
	t := &Tree{dir: dir, place: place(Trails, name), before: map[string]bool{}}
	must(walk(dir, func(path string) error {
		t.before[path] = true
		return nil
	}))
	return t
}

// Keep keeps what Sluice has written there by now. It can be called again when
// there is more. The files of keys and of users are where those may be: they are
// learned from.
func (t *Tree) Keep() {
	if t == nil {
		return
	}
	LearnKeys(t.dir)
	must(walk(t.dir, func(path string) error {
		switch filepath.Ext(path) {
		case ".scram":
			LearnVerifiersOf(path)
			return nil
		case ".key":
			return nil
		}
		if t.before[path] {
			return nil
		}
		relative, err := filepath.Rel(t.dir, path)
		if err != nil {
			return err
		}
		return keepFile(path, filepath.Join(t.place, relative))
	}))
}

// walk calls do for every file under a folder. Sluice may be at work in it.
func walk(dir string, do func(path string) error) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			err = do(path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
}

// keepFile keeps a file by a second name, which costs no space and has what is
// written to it later, or as a copy where that cannot be.
func keepFile(path, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.%d", to, n)
		same, err := sameFile(path, name)
		switch {
		case err != nil:
			return err
		case same:
			return nil
		}
		err = os.Link(path, name)
		if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM) {
			err = copyFile(path, name)
		}
		if !os.IsExist(err) {
			return err
		}
	}
}

// sameFile says whether a name is that of a file, or of a copy of what it is.
func sameFile(path, name string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	kept, err := os.Stat(name)
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil && (os.SameFile(info, kept) || info.Size() == kept.Size() && info.ModTime().Equal(kept.ModTime())), err
}

func copyFile(path, name string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(name, text, 0o600), os.Chtimes(name, info.ModTime(), info.ModTime()))
}
