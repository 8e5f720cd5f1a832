package doctor

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed holes.txt
var holesText string

// knownHoles is the table that comes with the program.
var knownHoles = sync.OnceValue(func() *holes {
	h, err := parseHoles(holesText)
	if err != nil {
		panic(err) // the table is part of the program, and a test reads it
	}
	return h
})

// holes is the table of what is known, as of a day.
type holes struct {
	asOf time.Time
	ends map[int]time.Time // per major version
	list []hole
}

// hole is one known hole.
type hole struct {
	id, what string
	fixed    []version // one a major version, oldest first
	older    bool      // majors before the first are affected
}

// openIn returns the holes that a version has, and the least minor version
// that closes all of them; the zero version if there is none.
func (h *holes) openIn(v version) (open []hole, fixedIn version) {
	closable := true
	for _, one := range h.list {
		at := slices.IndexFunc(one.fixed, func(f version) bool { return f.major == v.major })
		switch {
		case at >= 0 && v.minor < one.fixed[at].minor:
			open = append(open, one)
			if one.fixed[at].minor > fixedIn.minor {
				fixedIn = one.fixed[at]
			}
		case at < 0 && one.older && v.major < one.fixed[0].major:
			open = append(open, one)
			closable = false
		}
	}
	if !closable {
		return open, version{}
	}
	return open, fixedIn
}

// parseHoles reads the table; its head says how it is written.
func parseHoles(text string) (*holes, error) {
	h := &holes{ends: map[int]time.Time{}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := h.add(line); err != nil {
			return nil, fmt.Errorf("holes.txt:%d: %w", number, err)
		}
	}
	for _, one := range h.list {
		if one.what == "" {
			return nil, fmt.Errorf("holes.txt: %s does not say what it is", one.id)
		}
	}
	if h.asOf.IsZero() {
		return nil, fmt.Errorf("holes.txt: there is no line as-of")
	}
	return h, nil
}

func (h *holes) add(line string) (err error) {
	words := strings.Fields(line)
	switch {
	case strings.HasPrefix(line, " ") && len(h.list) > 0:
		h.list[len(h.list)-1].what = strings.TrimSpace(line)
	case words[0] == "as-of" && len(words) == 2:
		h.asOf, err = time.Parse(time.DateOnly, words[1])
	case words[0] == "end" && len(words) == 3:
		var major int
		if major, err = strconv.Atoi(words[1]); err == nil {
			h.ends[major], err = time.Parse(time.DateOnly, words[2])
		}
	case words[0] == "hole" && len(words) > 3 && (words[2] == "older" || words[2] == "only"):
		one := hole{id: words[1], older: words[2] == "older"}
		for _, word := range words[3:] {
			v, err := parseVersion(word)
			if err != nil {
				return err
			}
			one.fixed = append(one.fixed, v)
		}
		slices.SortFunc(one.fixed, func(a, b version) int { return cmp.Compare(a.major, b.major) })
		h.list = append(h.list, one)
	default:
		return fmt.Errorf("%q is not understood", line)
	}
	return err
}

func parseVersion(text string) (v version, err error) {
	major, minor, ok := strings.Cut(text, ".")
	if !ok {
		return v, fmt.Errorf("%q is no version", text)
	}
	if v.major, err = strconv.Atoi(major); err != nil {
		return v, fmt.Errorf("%q is no version", text)
	}
	if v.minor, err = strconv.Atoi(minor); err != nil {
		return v, fmt.Errorf("%q is no version", text)
	}
	return v, nil
}
