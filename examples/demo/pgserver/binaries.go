package pgserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
)

// debianRoot is where Debian and its descendants keep one folder per version.
const debianRoot = "/usr/lib/postgresql"

// FindBinaries returns the folder that holds initdb and postgres of the given
// major version; zero asks for the newest one that the operating system has.
//
// The operating system's own servers are preferred; other versions are looked
// for in the folder that CacheDir names, where the integration suite keeps
// them. The error of a missing version says how to get it.
func FindBinaries(version int) (string, error) {
	if version == 0 {
		return newestInstalled(debianRoot)
	}
	candidates := []string{
		filepath.Join(debianRoot, strconv.Itoa(version), "bin"),
	}
	cache, err := CacheDir()
	if err == nil {
		candidates = append(candidates, filepath.Join(ServerDir(cache, version), "bin"))
	}
	for _, dir := range candidates {
		if holdsServer(dir) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("sluice: no PostgreSQL %d server found (looked in %q): run ./integration/test, which fetches it, "+
		"or install it with: apt-get install postgresql-%d", version, candidates, version)
}

// CacheDir is where server versions that the operating system does not offer
// are kept between runs: $SLUICE_TEST_CACHE if set, for root a folder that the
// user postgres can read too, otherwise the user's own cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("SLUICE_TEST_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/cache/sluice-test", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("sluice: no folder to keep servers in, set SLUICE_TEST_CACHE: %w", err)
	}
	return filepath.Join(dir, "sluice-test"), nil
}

// ServerDir is the folder of one version inside a cache folder; bin, lib and
// share are below it.
func ServerDir(cache string, version int) string {
	return filepath.Join(cache, "postgresql", strconv.Itoa(version))
}

func newestInstalled(root string) (string, error) {
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("sluice: look for PostgreSQL: %w", err)
	}
	var versions []int
	for _, e := range entries {
		v, err := strconv.Atoi(e.Name())
		if err == nil && holdsServer(filepath.Join(root, e.Name(), "bin")) {
			versions = append(versions, v)
		}
	}
	if len(versions) == 0 {
		return "", fmt.Errorf("sluice: no PostgreSQL server below %s: install one with: apt-get install postgresql", root)
	}
	sort.Ints(versions)
	return filepath.Join(root, strconv.Itoa(versions[len(versions)-1]), "bin"), nil
}

func holdsServer(dir string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, program))
		if err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
			return false
		}
	}
	return true
}
