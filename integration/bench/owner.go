package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// owner is the account that PgBouncer and HAProxy run as: the caller's, or for
// root that of the user postgres, since PgBouncer does not run as root.
type owner struct {
	uid, gid uint32
	drop     bool
}

func serverOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return owner{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return owner{}, fmt.Errorf("the user to run PgBouncer as: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return owner{}, fmt.Errorf("user id of postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return owner{}, fmt.Errorf("group id of postgres: %w", err)
	}
	return owner{uint32(uid), uint32(gid), true}, nil
}

// attributes give a process the account, a session of its own so that Ctrl-C
// does not reach it, and an end when this program ends.
func (o owner) attributes() *syscall.SysProcAttr {
	a := attributes()
	if o.drop {
		a.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
	return a
}

// attributes are those of owner.attributes without another account.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// write makes a file that only the account can read.
func (o owner) write(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	return o.own(path)
}

// own hands a file or folder to the account.
func (o owner) own(path string) error {
	if !o.drop {
		return nil
	}
	return os.Chown(path, int(o.uid), int(o.gid))
}
