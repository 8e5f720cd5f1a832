package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/identity"
)

// secretMode judges the mode of a file with a secret. PostgreSQL's rule is
// ours: 0600 or less, or 0640 or less if root owns it, as files that a
// package or a container's secret store puts there.
func secretMode(path string) (evidence string, good bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", false, err
	}
	mode := info.Mode().Perm()
	evidence = fmt.Sprintf("mode %04o", mode)
	forbidden := fs.FileMode(0o077)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == 0 && os.Geteuid() != 0 {
		forbidden = 0o037
	}
	return evidence, mode&forbidden == 0, nil
}

// lookAtSecret reports a file with a secret that others can reach.
func lookAtSecret(f *findings, name, path string) {
	evidence, good, err := secretMode(path)
	switch {
	case err != nil:
		f.problem(name, "Put the file there, readable by the proxy's user only.", "%s", pathError(err))
	case !good:
		f.problem(name, "chmod 0600 "+path+"\nIf anybody may have read it, replace the secret.", "%s has %s: others can read it", path, evidence)
	default:
		f.ok(name, "%s has %s", path, evidence)
	}
}

// pathError names the file of an error once, without the system call.
func pathError(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Sprintf("%s: %v", path.Path, path.Err)
	}
	return err.Error()
}

// lookAtUsers reads the verifiers file as a login would.
func lookAtUsers(f *findings, config *proxy.Config) {
	const name = "users"
	scram := config.Auth.Uses(identity.MethodSCRAM)
	if config.Users == "" && !scram {
		f.ok(name, "no file is named, and nobody logs in with a password")
		return
	}
	add := "sluice user add --file " + config.Users + " NAME"
	const mend = "Do what the message says; the proxy does not start like this."
	verifiers, err := identity.OpenVerifiers(config.Users)
	if errors.Is(err, fs.ErrNotExist) {
		f.problem(name, add, "the file of users %q is not there", config.Users)
		return
	}
	if err != nil {
		f.problem(name, mend, "%v", err)
		return
	}
	n, err := verifiers.Users()
	switch {
	case err != nil:
		f.problem(name, mend, "%v", err)
	case n == 0 && scram:
		f.warning(name, add, "%s names no user, so nobody can log in by scram-sha-256", config.Users)
	default:
		f.ok(name, "%s names %s", config.Users, counted(n, "user"))
	}
	if len(config.Auth) > 0 && !slices.ContainsFunc(config.Auth, func(r identity.Rule) bool { return r.Method != "reject" }) {
		f.warning("auth", "Add a rule with the method scram-sha-256 or cert.", "every rule of auth rejects")
	}
}

// lookAtPolicy reads the policy as the proxy would.
func lookAtPolicy(f *findings, config *proxy.Config) {
	const name = "policy"
	path := config.Policy
	if path == "" {
		f.ok(name, "none is named: the built-in defaults decide")
		return
	}
	source, err := os.ReadFile(path)
	if err != nil {
		f.problem(name, "Put the policy there, or correct policy in the configuration.", "%s", pathError(err))
		return
	}
	p, err := policy.Parse(filepath.Base(path), source)
	if err != nil {
		first, rest, _ := strings.Cut(err.Error(), "\n")
		if more := strings.Count(rest, "\n"); more > 0 {
			first += " (and more)"
		}
		f.problem(name, "sluice policy check "+path+"\nshows every mistake in its place.", "%s", first)
		return
	}
	for _, warning := range p.Warnings() {
		f.warning(name, "Change the policy, or leave it if that is what you mean.", "%s", warning)
	}
	if len(p.Warnings()) == 0 {
		f.ok(name, "%s is in order, %s", path, counted(len(p.Rules()), "rule"))
	}
	lookAtMaskKeys(f, config, p)
	lookAtCatalogRoles(f, config, p)
}

// lookAtMaskKeys reads the keys of pseudonyms that are in files, as the proxy
// would, and holds them against what the policy needs.
func lookAtMaskKeys(f *findings, config *proxy.Config, p *policy.Policy) {
	const name = "policy.mask_keys"
	have := map[string]bool{}
	for i := range config.MaskKeys {
		k := &config.MaskKeys[i]
		have[k.Name] = true
		if err := k.CheckFile(); err != nil {
			f.problem(name, "(umask 077; openssl rand -hex 32 >"+k.File+")\nor bring the key back that was there: with another one pseudonyms do not fit earlier ones.", "mask key %s: %v", k.Name, err)
		} else if k.File != "" {
			lookAtSecret(f, name, k.File)
		}
	}
	for _, key := range p.MaskKeys() {
		if !have[key] {
			f.problem(name, "Name its file under mask_keys in the configuration.", "masks of the policy need the key %s, and there is none: Sluice does not start", key)
		}
	}
}

// lookAtCatalogRoles warns where nobody may look up what names mean, though the
// policy needs that.
func lookAtCatalogRoles(f *findings, config *proxy.Config, p *policy.Policy) {
	if !p.NeedsCatalog() {
		return
	}
	for i := range config.Databases {
		if v := config.Databases[i].Credential.Vault; v != nil && v.CatalogRole == "" {
			f.warning("policy.catalog", "Make a Vault role that may look at the catalog (examples/vault), and set credential.vault.catalog_role.",
				"the policy knows classes, and nobody may look up what names mean in %s: whatever could be meant counts, and nothing can be masked", config.Databases[i].Name)
		}
	}
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// listed names at most five, and counts the rest.
func listed(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
