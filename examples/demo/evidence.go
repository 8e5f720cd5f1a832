package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/audit"
)

// exitUnverified is the exit code for a trail that does not verify.
const exitUnverified = 4

// commandTimeout bounds one sluice command.
const commandTimeout = time.Minute

// afterwards is the story's end: the login is gone, a refusal can be asked
// about, and the trail shows whether it is whole.
func (p *player) afterwards(ctx context.Context, proxy *runningProxy) error {
	p.begin("Afterwards: what a reviewer finds")
	fmt.Fprintf(p.out, "\n   Alice has left. She never had a password of a database.\n")
	gone := p.vault.gone()
	if err := p.eventually(ctx, gone, goneTimeout); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "   [ok] looked up: %s\n", gone.say)
	if err := p.vaultLease(ctx); err != nil {
		return err
	}
	if err := p.why(ctx); err != nil {
		return err
	}
	if err := proxy.end(); err != nil {
		return err
	}
	if err := p.timeline(ctx); err != nil {
		return err
	}
	fmt.Fprintln(p.out, "\n   Sluice has been stopped. Is its trail whole?")
	if err := p.command(ctx, 0, nil, "audit", "verify", p.work.setup.TrailDir); err != nil {
		return err
	}
	return p.tamper(ctx)
}

// why asks about the refusal that quoted a measurement.
func (p *player) why(ctx context.Context) error {
	id := p.quoted
	fmt.Fprintln(p.out, "\n   Why was the way into the sandbox closed?")
	return p.command(ctx, 0, []string{id, "sandbox"}, "why", "--trail", p.work.setup.TrailDir, id)
}

// tamper flips one bit in a copy of the trail and wants it found.
func (p *player) tamper(ctx context.Context) error {
	copied := filepath.Join(p.work.setup.Dir, "tampered")
	if err := os.CopyFS(copied, os.DirFS(p.work.setup.TrailDir)); err != nil {
		return fmt.Errorf("copying the trail: %w", err)
	}
	file, offset, err := flipOneByte(copied)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(copied, file)
	if err != nil {
		return fmt.Errorf("naming the changed file: %w", err)
	}
	fmt.Fprintf(p.out, "\n   In a copy of the trail somebody changes one byte: number %d of %s.\n", offset, name)
	key := audit.PublicPath(p.work.setup.TrailDir + ".key") // the copy has none of its own
	return p.command(ctx, exitUnverified, nil, "audit", "verify", "--key", key, copied)
}

// flipOneByte changes one bit in the middle of the largest file, which is the
// segment with the records.
func flipOneByte(dir string) (file string, offset int64, err error) {
	var size int64
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Size() > size {
			file, size = path, info.Size()
		}
		return err
	})
	if err == nil && size == 0 {
		err = errors.New("the trail has no records")
	}
	if err != nil {
		return "", 0, fmt.Errorf("looking through the trail: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", 0, fmt.Errorf("reading the trail: %w", err)
	}
	offset = size / 2
	data[offset] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return "", 0, fmt.Errorf("changing the copy: %w", err)
	}
	return file, offset, nil
}

// command runs and shows a sluice command, which must end with an exit code
// and show some words.
func (p *player) command(ctx context.Context, code int, shows []string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	fmt.Fprintf(p.out, "\n     $ sluice %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, p.sluice[0], append(p.sluice[1:len(p.sluice):len(p.sluice)], args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said, err := cmd.CombinedOutput()
	p.show(string(said), 0)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("sluice %s: %w", args[0], err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("sluice %s was to end with exit code %d, and ended with %d", args[0], code, got)
	}
	for _, words := range shows {
		if !strings.Contains(string(said), words) {
			return fmt.Errorf("sluice %s does not show %q", args[0], words)
		}
	}
	fmt.Fprintf(p.out, "   [ok] exit code %d\n", code)
	return nil
}
