package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// instruction is one of a Dockerfile, with its continued lines joined.
type instruction struct{ name, rest string }

func dockerfile(t *testing.T) []instruction {
	t.Helper()
	var all []instruction
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		all = append(all, instruction{strings.ToUpper(name), strings.TrimSpace(rest)})
	}
	if len(all) == 0 {
		t.Fatal("the Dockerfile is empty")
	}
	return all
}

// pinned are images named by digest or by a tag that says which version. The
// distroless images have no versions, only variants: nonroot is as far as a
// tag of theirs goes.
var pinned = regexp.MustCompile(`@sha256:[0-9a-f]{64}$|:\d+\.\d+\.\d+-[a-z]+$|^gcr\.io/distroless/[a-z-]+-debian\d+:nonroot$`)

func TestImageBases(t *testing.T) {
	args := map[string]string{}
	bases := 0
	for _, i := range dockerfile(t) {
		switch i.name {
		case "ARG":
			name, value, _ := strings.Cut(i.rest, "=")
			args["${"+name+"}"] = value
		case "FROM":
			base := strings.Fields(i.rest)[0]
			if value, ok := args[base]; ok {
				base = value
			}
			bases++
			if !pinned.MatchString(base) {
				t.Errorf("FROM %s could be another image tomorrow", base)
			}
		}
	}
	if bases != 2 {
		t.Errorf("%d stages, want one that builds and one that runs", bases)
	}
	gomod, err := modfile.Parse("go.mod", []byte(read(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	minor := strings.Join(strings.Split(gomod.Go.Version, ".")[:2], ".")
	if !strings.Contains(args["${GO_IMAGE}"], ":"+minor+".") {
		t.Errorf("go.mod asks for Go %s, the image is built with %s", gomod.Go.Version, args["${GO_IMAGE}"])
	}
	debian := regexp.MustCompile(`debian12|bookworm`)
	if !debian.MatchString(args["${GO_IMAGE}"]) || !debian.MatchString(args["${BASE_IMAGE}"]) {
		t.Error("the two images are not of the same Debian, so their C libraries differ")
	}
}

// Nothing is fetched from a URL, and no secret goes in.
func TestImageTakesOnlyWhatIsHere(t *testing.T) {
	secret := regexp.MustCompile(`(?i)(password|secret|token)=`)
	for _, in := range dockerfile(t) {
		if in.name == "ADD" || strings.Contains(in.rest, "://") {
			t.Errorf("%s %s: what is not in the repository is not checked", in.name, in.rest)
		}
		if secret.MatchString(in.rest) {
			t.Errorf("%s %s: a secret in an image stays in it", in.name, in.rest)
		}
	}
}

// The image runs as nobody in particular and needs no shell.
func TestImageRuns(t *testing.T) {
	all, last := dockerfile(t), 0
	for i, in := range all {
		if in.name == "FROM" {
			last = i
		}
	}
	user, entry := "root", false
	for _, in := range all[last:] {
		switch in.name {
		case "RUN":
			t.Errorf("RUN %s: there is no shell in this stage", in.rest)
		case "USER":
			user = in.rest
		case "ENTRYPOINT", "CMD":
			entry = true
			if !strings.HasPrefix(in.rest, "[") {
				t.Errorf("%s %s needs a shell", in.name, in.rest)
			}
		}
	}
	if user != "65532:65532" || !entry {
		t.Errorf("the image runs as %q", user)
	}
}

// What the image's build commands need is what .dockerignore lets through:
// they run on such a tree and nothing else.
func TestImageBuilds(t *testing.T) {
	tree, out := t.TempDir(), t.TempDir()
	copyContext(t, tree)
	steps := 0
	for _, in := range dockerfile(t) {
		if in.name != "RUN" || strings.Contains(in.rest, "go mod") {
			continue
		}
		steps++
		command := strings.ReplaceAll(in.rest, "/out/", out+"/")
		// With -trimpath the whole parser would be compiled anew, which
		// takes minutes and shows nothing.
		command = strings.ReplaceAll(command, " -trimpath", "")
		if _, err := run("sh", "-c", "cd '"+tree+"' && "+command); err != nil {
			t.Errorf("RUN %s: %v", in.rest, err)
		}
	}
	if steps < 2 {
		t.Errorf("only %d build steps were found", steps)
	}
	for _, in := range dockerfile(t) {
		if in.name != "ENTRYPOINT" {
			continue
		}
		program := strings.Trim(in.rest, `["]`)
		if got := start(t, out, filepath.Join(out, program), "--help"); got.code != 0 {
			t.Errorf("the image's program: exit code %d: %s", got.code, got.stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "usr/bin/sluice-verify")); err != nil {
		t.Error(err)
	}
	if got := start(t, out, filepath.Join(out, "usr/bin/sluice"), "serve", "--config", filepath.Join(out, "none.yaml")); got.code != 5 {
		t.Errorf("serve without a configuration: exit code %d", got.code)
	}
}

// copyContext copies what .dockerignore lets through. It knows the forms used
// there: "*" first, then "!path" for what is let in, then "**/name" for what
// is left out of it again.
func copyContext(t *testing.T, tree string) {
	t.Helper()
	var in, out []string
	for line := range strings.Lines(read(t, ".dockerignore")) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line == "*" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "!"):
			in = append(in, line[1:])
		case strings.HasPrefix(line, "**/"):
			out = append(out, line[3:])
		default:
			t.Fatalf(".dockerignore: %q is of a form this test does not know", line)
		}
	}
	for _, path := range in {
		err := filepath.WalkDir(filepath.Join(root, path), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			for _, pattern := range out {
				if matched, _ := filepath.Match(pattern, d.Name()); matched && d.IsDir() {
					return filepath.SkipDir
				} else if matched {
					return nil
				}
			}
			return copyTo(tree, name, d)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func copyTo(tree, name string, d fs.DirEntry) error {
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return err
	}
	target := filepath.Join(tree, rel)
	if d.IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, data, 0o644)
}
