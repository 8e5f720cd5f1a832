package egress

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed roads/*.txt
var files embed.FS

// Roads are all roads, in the order of their sections.
func Roads() []Road { return slices.Clone(all()) }

// all reads the roads once. They are a part of the program, and a test reads
// them: a mistake in them does not get here.
var all = sync.OnceValue(func() []Road {
	roads, err := readAll()
	if err != nil {
		panic(err)
	}
	return roads
})

func readAll() ([]Road, error) {
	names, err := fs.Glob(files, "roads/*.txt")
	if err != nil {
		return nil, fmt.Errorf("egress: %w", err)
	}
	var roads []Road
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("egress: %w", err)
		}
		part, err := Read(string(text))
		if err != nil {
			return nil, fmt.Errorf("egress: %s: %w", name, err)
		}
		roads = append(roads, part...)
	}
	seen := map[string]bool{}
	for _, r := range roads {
		if seen[r.ID] {
			return nil, fmt.Errorf("egress: there are two roads %s", r.ID)
		}
		seen[r.ID] = true
	}
	return roads, nil
}

// Read reads a file of roads; the package's documentation has the form. Errors
// name the line.
func Read(text string) ([]Road, error) {
	r := reader{}
	for line := range strings.Lines(text) {
		r.line++
		if err := r.take(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("line %d: %w", r.line, err)
	}
	return r.roads, nil
}

type reader struct {
	line    int
	section string
	roads   []Road
	// current is the road that lines are for; nil between two of them.
	current *Road
}

func (r *reader) take(line string) error {
	if strings.TrimSpace(line) == "" {
		return r.end()
	}
	if line[0] == '#' {
		return nil
	}
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case rest == "":
		return fmt.Errorf("%s says nothing", word)
	case word == "section":
		r.section = rest
		return r.end()
	case word == "road":
		if err := r.end(); err != nil {
			return err
		}
		return r.begin(rest)
	case r.current == nil:
		return fmt.Errorf("%s stands before a road", word)
	}
	return r.current.add(word, rest)
}

func (r *reader) begin(text string) error {
	id, what, found := strings.Cut(text, " ")
	switch {
	case r.section == "":
		return fmt.Errorf("road %s stands before a section", id)
	case !found || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return fmt.Errorf("a road has an id of lower-case letters, digits and dashes, and words that say what travels")
	}
	r.current = &Road{ID: id, What: what, Section: r.section}
	return nil
}

// end takes the current road, if there is one, into the list.
func (r *reader) end() error {
	if r.current == nil {
		return nil
	}
	road := r.current
	r.current = nil
	switch {
	case road.Leaves == "":
		return fmt.Errorf("road %s does not say what leaves", road.ID)
	case len(road.Steps) == 0:
		return fmt.Errorf("road %s sends nothing", road.ID)
	}
	r.roads = append(r.roads, *road)
	return nil
}

// add takes one line of a road.
func (r *Road) add(word, rest string) (err error) {
	once := func(to *string) {
		if *to != "" {
			err = fmt.Errorf("%s stands twice", word)
		}
		*to = rest
	}
	switch word {
	case "leaves":
		if r.Leaves != "" {
			return fmt.Errorf("%s stands twice", word)
		}
		r.Leaves = Exit(rest)
		if !slices.Contains([]Exit{ToClient, Words, DataError, Elsewhere, Protection}, r.Leaves) {
			err = fmt.Errorf("%q is not client, words, error, elsewhere or protection", rest)
		}
	case "server":
		err = r.addServer(rest)
	case "needs":
		var need Need
		need, err = parseNeed(rest)
		r.Needs = append(r.Needs, need)
	case "always":
		once(&r.Always)
	case "passes":
		once(&r.Passes)
	case "startup":
		r.Startup = append(r.Startup, rest)
	case "sql":
		rest, err = unquote(rest)
		r.Steps = append(r.Steps, Step{SQL: true, Text: rest})
	case "send":
		r.Steps = append(r.Steps, Step{Text: rest})
	case "stage":
		r.Suite.Stage = append(r.Suite.Stage, rest)
	case "undo":
		r.Suite.Undo = append(r.Suite.Undo, rest)
	case "see":
		if r.Suite.Notified = rest == "notified"; r.Suite.Notified {
			break
		}
		rest, r.Suite.SeeElsewhere = strings.CutPrefix(rest, "elsewhere ")
		once(&r.Suite.See)
	case "gone":
		once(&r.Suite.Gone)
	case "shows":
		once(&r.Suite.Shows)
	default:
		err = fmt.Errorf("%q is no line of a road", word)
	}
	return err
}

func (r *Road) addServer(text string) error {
	digits, below := strings.CutPrefix(text, "<")
	version, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return fmt.Errorf("%q is no version: write 17 or <17", text)
	}
	if below {
		r.Below = int(version)
	} else {
		r.From = int(version)
	}
	return nil
}

// unquote gives a text, which is a Go string if it begins with a double quote:
// no statement does.
func unquote(text string) (string, error) {
	if !strings.HasPrefix(text, `"`) {
		return text, nil
	}
	plain, err := strconv.Unquote(text)
	if err != nil {
		return "", fmt.Errorf("not a Go string: %w", err)
	}
	return plain, nil
}
