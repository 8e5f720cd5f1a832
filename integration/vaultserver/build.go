package vaultserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

// Build returns the path of the Vault server program. If there is none that
// was made of these sources with these versions and this Go, it is built
// first, and talk is told so in one line. Two callers at once, also in two
// processes, build once.
func Build(ctx context.Context, talk io.Writer) (string, error) {
	source, err := sourceFolder(ctx)
	if err != nil {
		return "", err
	}
	key, err := sourceKey(ctx, source)
	if err != nil {
		return "", err
	}
	cache, err := pgserver.CacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "vault")
	program := filepath.Join(folder, "vault-"+key)
	if isProgram(program) {
		return program, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("sluice: folder for the Vault server: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(folder, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if isProgram(program) {
		return program, nil // somebody else was quicker
	}
	fmt.Fprintln(talk, "sluice: building the Vault server for the tests (once; about 10 minutes on two cores)")
	return program, compile(ctx, source, program)
}

// sourceFolder is integration/vault of the module in which we are.
func sourceFolder(ctx context.Context) (string, error) {
	gomod, err := goCommand(ctx, "", "env", "GOMOD")
	if err != nil {
		return "", err
	}
	folder := filepath.Join(filepath.Dir(gomod), "integration", "vault")
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
		return "", fmt.Errorf("sluice: the sources of the Vault server, looked for from %q: %w", gomod, err)
	}
	return folder, nil
}

// sourceKey is a digest of everything that makes the program: Go, the versions
// and the sources.
func sourceKey(ctx context.Context, source string) (string, error) {
	version, err := goCommand(ctx, source, "env", "GOVERSION", "GOARCH", "CGO_ENABLED")
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return "", fmt.Errorf("sluice: list the sources of the Vault server: %w", err)
	}
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	files = append(files, filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum"))
	digest := sha256.New()
	fmt.Fprintln(digest, version)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("sluice: read the sources of the Vault server: %w", err)
		}
		fmt.Fprintf(digest, "%s %d\n", filepath.Base(name), len(text))
		digest.Write(text)
	}
	return hex.EncodeToString(digest.Sum(nil))[:16], nil
}

// compile builds the program under another name first, so that it is there
// whole or not at all.
func compile(ctx context.Context, source, program string) error {
	unfinished := program + ".new"
	// Without symbols and debugging data it is linked faster. Nothing that changes
	// how packages are compiled: go vet takes them from the cache.
	_, err := goCommand(ctx, source, "build", "-ldflags=-s -w", "-o", unfinished, ".")
	if err == nil {
		err = os.Rename(unfinished, program)
	}
	if err != nil {
		_ = os.Remove(unfinished)
		return fmt.Errorf("sluice: build the Vault server of integration/vault, which suites need "+
			"(or set SLUICE_TEST_VAULT_ADDR and SLUICE_TEST_VAULT_TOKEN to use one of yours): %w", err)
	}
	return nil
}

func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// lock waits for the lock on a file. It goes with the process that holds it,
// so nobody has to clean up after one that died.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("sluice: lock file of the Vault server: %w", err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("sluice: lock %s: %w", path, err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("sluice: wait for another build of the Vault server: %w", ctx.Err())
		}
	}
}
