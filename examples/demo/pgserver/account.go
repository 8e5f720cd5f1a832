package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating system user that the server runs as.
type account struct {
	uid, gid uint32
	// drop says that the caller is root, so that processes must change user
	// and files must change owner.
	drop bool
}

// serverAccount is the caller's own account, or for root that of the user
// postgres.
func serverAccount() (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{uid: uint32(uid), gid: uint32(os.Getegid())}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return account{}, fmt.Errorf("sluice: PostgreSQL does not run as root and there is no user postgres; "+
			"create it with: apt-get install postgresql-common, or start this as an ordinary user: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("sluice: user id of postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("sluice: group id of postgres: %w", err)
	}
	return account{uid: uint32(uid), gid: uint32(gid), drop: true}, nil
}

// attributes puts a process into a session of its own, so that Ctrl-C in the
// starter's terminal does not reach it, and gives it the account's rights.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// own hands a file or folder to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// canReach reports an error if the account may not pass through one of the
// folders that lead to path.
func (a account) canReach(path string) error {
	if !a.drop {
		return nil
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("sluice: folder for a server: %w", err)
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.New("sluice: the file system does not tell who owns " + dir)
		}
		if !searchable(info.Mode().Perm(), stat, a) {
			return fmt.Errorf("sluice: user postgres cannot enter %s (mode %v), so no server can live in %s: "+
				"choose another folder or allow it with: chmod a+x", dir, info.Mode().Perm(), path)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func searchable(mode os.FileMode, stat *syscall.Stat_t, a account) bool {
	switch {
	case stat.Uid == a.uid:
		return mode&0o100 != 0
	case stat.Gid == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
