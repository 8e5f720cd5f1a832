package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// AddUser creates user in the verifiers file at path, or replaces the line it
// has, and leaves every other line as it is. The file is created with mode
// 0600 when it is missing; one that exists keeps its owner, group and mode.
//
// Readers see the old file or the new one, never a part: the new content is
// written beside it, synced, and renamed over it. Calls from several
// processes wait for each other. iterations 0 means [DefaultIterations].
//
// The password is taken as PostgreSQL takes it (SASLprep, RFC 4013). AddUser
// refuses an empty password, a password with a NUL, a name that cannot stand
// in the file, and a file it cannot parse.
func AddUser(path, user string, password []byte, iterations int) error {
	if iterations == 0 {
		iterations = DefaultIterations
	}
	if err := checkIterations(iterations); err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	if err := checkName(user); err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	if bytes.IndexByte(password, 0) >= 0 {
		return errors.New("add user: the password contains a NUL, which no client can send")
	}
	v, err := newVerifier(password, iterations)
	if err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	if err := replaceLine(path, user, user+":"+v.format()); err != nil {
		return fmt.Errorf("add user %q: %w", user, err)
	}
	return nil
}

// replaceLine puts line in the place of the user's present one, or at the end.
func replaceLine(path, user, line string) error {
	// A symbolic link stays one: the file it leads to is replaced.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	unlock, err := LockFolder(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()

	set, info, err := readVerifiers(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		set, info = &verifierSet{}, nil
	case err != nil:
		return err
	}
	lines, err := withLine(set, user, line)
	if err != nil {
		return err
	}
	return WriteAtomically(path, strings.Join(lines, "\n")+"\n", info)
}

func withLine(set *verifierSet, user, line string) ([]string, error) {
	var lines []string
	if set.decoyKey == nil {
		key, err := decoyLine()
		if err != nil {
			return nil, err
		}
		lines = append(lines, key)
	}
	replaced := false
	for _, old := range set.lines {
		if strings.HasPrefix(old, user+":") {
			old, replaced = line, true
		}
		lines = append(lines, old)
	}
	if !replaced {
		lines = append(lines, line)
	}
	return lines, nil
}
