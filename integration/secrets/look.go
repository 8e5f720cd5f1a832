package secrets

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// report is what was looked for, where, and what came of it.
type report struct {
	secrets  map[string]int // by kind
	files    map[string]int // by class
	needles  int
	bytes    int64
	findings []finding
}

// Look looks for every secret of a folder in everything that is kept there. It
// returns how much that was, and what is wrong: secrets that were met, and what
// would make a clean result mean nothing, for which some kinds of secrets and
// classes of things have to be there.
func Look(folder string, kinds, classes []string) (count string, problems []string, err error) {
	r, err := look(folder)
	if err != nil {
		return "", nil, err
	}
	return r.String(), r.problems(kinds, classes), nil
}

// mostFindings is how many are listed; one is too many.
const mostFindings = 200

// look looks for every secret of a folder in everything that is kept there.
func look(folder string) (*report, error) {
	all, err := registry(folder)
	if err != nil {
		return nil, err
	}
	r := &report{secrets: map[string]int{}, files: map[string]int{}}
	for _, s := range all {
		r.secrets[s.Kind]++
	}
	scanner := newScanner(all)
	r.needles = scanner.count
	kept := keptFolder(folder)
	err = walk(kept, func(path string) error {
		name, err := filepath.Rel(kept, path)
		if err != nil {
			return err
		}
		class, _, _ := strings.Cut(name, string(filepath.Separator))
		r.files[class]++
		return r.scan(scanner, name, path)
	})
	return r, err
}

// scan looks into one file.
func (r *report) scan(s *scanner, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := s.scan(name, file, func(f finding) {
		if len(r.findings) < mostFindings && !slices.Contains(r.findings, f) {
			r.findings = append(r.findings, f)
		}
	})
	r.bytes += size
	return err
}

// registry reads what all processes have learned; nothing twice.
func registry(folder string) ([]secret, error) {
	var all []secret
	seen := map[string]bool{}
	err := walk(registryFolder(folder), func(path string) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var s secret
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil || !LongEnough(string(s.Value)) {
				return fmt.Errorf("%s: a line that is no secret", path)
			}
			if !seen[string(s.Value)] {
				seen[string(s.Value)] = true
				all = append(all, s)
			}
		}
		return lines.Err()
	})
	return all, err
}

// problems are what is wrong; see Look.
func (r *report) problems(kinds, classes []string) []string {
	var all []string
	for _, kind := range kinds {
		if r.secrets[kind] == 0 {
			all = append(all, "nobody has learned "+kind+": there is none that could have been found")
		}
	}
	for _, class := range classes {
		if r.files[class] == 0 {
			all = append(all, "nothing of the "+class+" was kept: there is nothing to look at")
		}
	}
	if r.bytes == 0 {
		all = append(all, "what was kept is empty")
	}
	for _, f := range r.findings {
		all = append(all, f.String())
	}
	return all
}

// String is how much was looked at.
func (r *report) String() string {
	var b strings.Builder
	secrets, files := total(r.secrets), total(r.files)
	fmt.Fprintf(&b, "%d secrets in %d forms, looked for in %d files with %d bytes", secrets, r.needles, files, r.bytes)
	for _, counts := range []map[string]int{r.secrets, r.files} {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&b, "\n%8d  %s", counts[name], name)
		}
	}
	return b.String()
}

func total(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}
