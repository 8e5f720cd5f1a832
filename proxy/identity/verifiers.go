package identity

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// forbiddenMode are the permission bits a verifiers file must not have:
	// a verifier can be attacked offline, so only its owner writes it and at
	// most its group reads it.
	forbiddenMode fs.FileMode = 0o037
	// maxFileSize bounds what one login may have to read: some 80,000 users.
	maxFileSize = 16 << 20
	// settleTime is how old a file must be before an unchanged time stamp
	// proves an unchanged content; file systems count in ticks.
	settleTime = 2 * time.Second
	// decoyPrefix begins the comment line that holds the key of the false
	// salts, so that they survive a restart and are the same on every
	// replica that shares the file.
	decoyPrefix = "# decoy-key "
	decoyLength = 32
)

// Verifiers is a verifiers file that is read again whenever it changes. It is
// safe for concurrent use and prints nothing of its content.
type Verifiers struct {
	path     string
	fallback []byte // decoy key for a file without one

	mu    sync.Mutex
	stamp fs.FileInfo // nil: read the file at the next login in any case
	set   *verifierSet
}

// OpenVerifiers reads the file at path. It refuses a file that others can
// read or its group can write, and names file and line of what it cannot
// parse.
func OpenVerifiers(path string) (*Verifiers, error) {
	key := make([]byte, decoyLength)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a decoy key: %w", err)
	}
	v := &Verifiers{path: path, fallback: key}
	if _, err := v.current(); err != nil {
		return nil, err
	}
	return v, nil
}

// Users returns how many users the file holds at this moment.
func (v *Verifiers) Users() (int, error) {
	set, err := v.current()
	if err != nil {
		return 0, err
	}
	return len(set.users), nil
}

// Format implements fmt.Formatter and prints the path alone.
func (v *Verifiers) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "verifiers "+v.path)
}

// current returns the content of the file as it is now. A file that became
// unreadable fails the login: an operator who just removed somebody must not
// be outlived by what was read before.
func (v *Verifiers) current() (*verifierSet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stamp != nil {
		now, err := os.Stat(v.path)
		if err == nil && sameFile(v.stamp, now) {
			return v.set, nil
		}
	}
	v.stamp, v.set = nil, nil
	set, info, err := readVerifiers(v.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVerifiers, err)
	}
	if set.decoyKey == nil {
		set.decoyKey = v.fallback
	}
	if time.Since(info.ModTime()) > settleTime {
		v.stamp, v.set = info, set
	}
	return set, nil
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// readVerifiers reads and parses the file, and returns the state it was in.
func readVerifiers(path string) (*verifierSet, fs.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := checkFile(path, info); err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(content) > maxFileSize {
		return nil, nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileSize)
	}
	set, err := parseVerifiers(path, string(content))
	if err != nil {
		return nil, nil, err
	}
	return set, info, nil
}

func checkFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&forbiddenMode != 0 {
		return fmt.Errorf("%s has mode %04o: others must not reach it and its group must not write it; run chmod 0600 %s",
			path, mode, path)
	}
	return nil
}

// verifierSet is one reading of the file. It does not change.
type verifierSet struct {
	users    map[string]verifier
	shapes   []shape
	decoyKey []byte
	lines    []string // for AddUser: the file as it was, comments included
}

// parseVerifiers reads a whole file; errors begin with path:line.
func parseVerifiers(path, content string) (*verifierSet, error) {
	set := &verifierSet{users: make(map[string]verifier)}
	first := make(map[string]int)
	if content != "" {
		set.lines = strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	}
	for i, line := range set.lines {
		name, err := set.parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		if name == "" {
			continue
		}
		if at, ok := first[name]; ok {
			return nil, fmt.Errorf("%s:%d: user %q already stands in line %d", path, i+1, name, at)
		}
		first[name] = i + 1
	}
	set.shapes = shapesOf(set.users)
	return set, nil
}

// parse takes in one line and returns the user it defines, if it does.
func (set *verifierSet) parse(line string) (name string, err error) {
	if strings.HasSuffix(line, "\r") {
		return "", errors.New("the line ends with a carriage return; save the file with plain line feeds")
	}
	if key, ok := strings.CutPrefix(line, decoyPrefix); ok {
		if set.decoyKey != nil {
			return "", errors.New("there is a second decoy key")
		}
		set.decoyKey, err = parseBase64("decoy key", key, decoyLength, decoyLength)
		return "", err
	}
	if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
		return "", nil
	}
	name, v, err := parseLine(line)
	if err != nil {
		return "", err
	}
	if _, ok := set.users[name]; !ok {
		set.users[name] = v
	}
	return name, nil
}

// decoyLine is the comment that keeps a decoy key.
func decoyLine() (string, error) {
	key := make([]byte, decoyLength)
	if _, err := rand.Read(key); err != nil {
		return "", fmt.Errorf("make a decoy key: %w", err)
	}
	return decoyPrefix + base64.StdEncoding.EncodeToString(key), nil
}
