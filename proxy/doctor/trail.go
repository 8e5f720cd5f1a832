package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/proxy"
)

// What a disk should have left, in bytes: below the first a busy proxy fills
// it within a day, below the second within the hour.
const (
	lowSpace  = 1 << 30
	noSpace   = 100 << 20
	slowFsync = 100 * time.Millisecond
	// young is a trail whose first checkpoint may still be to come.
	young = 6 * audit.DefaultCheckpointEvery
)

// trailKey is the name of the check of the key that signs.
const trailKey = "trail.key"

// lookAtTrail judges the trail, its key and the disk below.
func lookAtTrail(ctx context.Context, f *findings, config *proxy.Config) {
	c := config.Trail
	key := lookAtTrailKey(ctx, f, config)
	info, err := os.Stat(c.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		lookAtTrailToBe(f, c.Dir)
		return
	case err != nil:
		f.unknown("trail.writable", "Run the doctor as the proxy's user.", "%s", pathError(err))
		return
	case !info.IsDir():
		f.problem("trail.writable", "Name a folder in trail.dir.", "%s is no folder", c.Dir)
		return
	case info.Mode().Perm()&0o077 != 0:
		f.warning("trail.mode", "chmod 0700 "+c.Dir, "%s has mode %04o: others can read what everybody does", c.Dir, info.Mode().Perm())
	}
	lookAtTrailWriter(f, c.Dir)
	lookAtCheckpoint(f, c.Dir, key)
	lookAtDisk(f, c.Dir)
}

// lookAtTrailToBe judges a trail that has not been begun: its parent has to
// be there, and to be writable.
func lookAtTrailToBe(f *findings, dir string) {
	parent := filepath.Dir(filepath.Clean(dir))
	if err := unix.Access(parent, unix.W_OK|unix.X_OK); err != nil {
		f.problem("trail.writable", "mkdir -p "+parent+"\nand let the proxy's user own it.", "%s cannot be made in %s: %v", filepath.Base(dir), parent, err)
		return
	}
	f.ok("trail.writable", "not begun; the proxy can make %s", dir)
	lookAtDisk(f, parent)
}

// lookAtTrailWriter tells whether a proxy writes the trail, or else whether
// one could.
func lookAtTrailWriter(f *findings, dir string) {
	const name = "trail.writable"
	locked, err := audit.Locked(dir)
	switch {
	case err != nil:
		f.unknown(name, "Run the doctor as the proxy's user.", "%v", err)
		return
	case locked:
		f.ok(name, "a running proxy writes it")
		return
	}
	took, err := trialWrite(dir)
	switch {
	case err != nil:
		f.problem(name, trialFix(dir, err), "%s cannot be written: %v", dir, cause(err))
	case took > slowFsync:
		f.warning(name, "Put the trail on a faster disk: every refused or risky statement waits for it.",
			"a file can be written and synced, in %s", took.Round(time.Millisecond))
	default:
		f.ok(name, "a file was written and synced in it")
	}
}

// trialFix says what to do where a file could not be written.
func trialFix(dir string, err error) string {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "Make room for " + dir + ", then restart the proxy: a trail that broke is opened again at its start."
	case errors.Is(err, unix.EROFS):
		return "Put trail.dir on a disk that can be written, or mount this one so."
	case errors.Is(err, fs.ErrPermission):
		return "Let the proxy's user own " + dir + "; if that is sluice:\nchown -R sluice: " + dir
	}
	return "Look into the kernel's log: the disk below " + dir + " may be broken."
}

// cause is an error without the name of the file that was tried, which is gone.
func cause(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// trialWrite writes a file and syncs it. Its name ends in .tmp, which means
// nothing to a trail.
func trialWrite(dir string) (took time.Duration, err error) {
	file, err := os.CreateTemp(dir, ".doctor-*.tmp")
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	begin := time.Now()
	_, err = file.Write(make([]byte, 4096))
	return time.Since(begin), errors.Join(err, file.Sync(), file.Close())
}

// lookAtKeyFile judges the file with the key, and returns the key if it can be
// used.
func lookAtKeyFile(f *findings, c proxy.TrailConfig) *audit.Key {
	const name = trailKey
	key, err := audit.LoadKey(c.Key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if begun(c.Dir) {
			f.problem(name, "Put the key back, or begin a new trail in another folder.", "%s is not there, and the trail was begun with it", c.Key)
			return nil
		}
		if err := unix.Access(filepath.Dir(c.Key), unix.W_OK|unix.X_OK); err != nil {
			f.problem(name, "Let the proxy's user write to "+filepath.Dir(c.Key)+".", "%s cannot be made: %v", c.Key, err)
			return nil
		}
		f.ok(name, "not there; the proxy makes %s", c.Key)
	case errors.Is(err, audit.ErrKey):
		f.problem(name, "chmod 0600 "+c.Key+"\nif nobody has read it; else begin a new trail with a new key.", "%v", err)
	case err != nil:
		f.unknown(name, "Run the doctor as the proxy's user.", "%s", pathError(err))
	default:
		f.ok(name, "%s is %s", c.Key, key)
		return key
	}
	return nil
}

// lookAtCheckpoint checks the signature of the latest checkpoint. To read all
// records is for audit verify: a trail can be large.
func lookAtCheckpoint(f *findings, dir string, key *audit.Key) {
	const name = "trail.checkpoint"
	verifyAll := "sluice audit verify " + dir + "\nsays what is wrong; keep the folder as it is."
	message, err := os.ReadFile(filepath.Join(dir, "latest"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !begun(dir) {
			return // nothing was recorded
		}
		// No file has come since the first segment, so that is how old it is.
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) < young {
			f.ok(name, "the trail was begun just now")
			return
		}
		f.warning(name, verifyAll, "the trail has records, and no checkpoint signs any")
	case err != nil:
		f.unknown(name, "Run the doctor as the proxy's user.", "%s", pathError(err))
	case key == nil:
		f.unknown(name, "See trail.key.", "there is no key to check it with")
	default:
		checkpoint, err := record.OpenCheckpoint(message, key.Verifier())
		if err != nil {
			f.problem(name, verifyAll, "the latest checkpoint: %v", err)
			return
		}
		f.ok(name, "the latest signs %s", counted(int(checkpoint.Size), "record"))
	}
}

// lookAtDisk judges the file system that a folder is on.
func lookAtDisk(f *findings, dir string) {
	const name = "trail.disk"
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		f.unknown(name, "Run the doctor as the proxy's user.", "%s: %v", dir, err)
		return
	}
	judgeDisk(f, disk{
		free: s.Bavail * uint64(s.Bsize), inodes: s.Ffree, countsInodes: s.Files > 0,
		inMemory: s.Type == unix.TMPFS_MAGIC || s.Type == unix.RAMFS_MAGIC,
		inLayer:  s.Type == unix.OVERLAYFS_SUPER_MAGIC,
	})
}

// disk is what matters of a file system.
type disk struct {
	free         uint64 // bytes for an ordinary user
	inodes       uint64
	countsInodes bool
	inMemory     bool
	inLayer      bool // of a container
}

func judgeDisk(f *findings, d disk) {
	const name = "trail.disk"
	const room = "Make room, or put the trail on a larger disk: when it is full, nothing runs."
	free := fmt.Sprintf("%.1f GiB free", float64(d.free)/(1<<30))
	if d.free < lowSpace {
		free = fmt.Sprintf("%d MiB free", d.free>>20)
	}
	switch {
	case d.free < noSpace || d.countsInodes && d.inodes < 100:
		f.problem(name, room, "%s, room for %d files", free, d.inodes)
	case d.inMemory:
		f.problem(name, "Put trail.dir on a disk.", "the trail is in memory, and gone after a restart of the machine")
	case d.inLayer:
		f.warning(name, "Mount a volume at trail.dir.", "the trail is in a container's own layer, and goes when the container does; %s", free)
	case d.free < lowSpace:
		f.warning(name, room, "%s", free)
	default:
		f.ok(name, "%s", free)
	}
}
