package layers

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Kind is where a value came from.
type Kind string

// The kinds of origins, from the weakest to the strongest.
const (
	Default     Kind = "default"
	File        Kind = "file"
	Environment Kind = "env"
	Flag        Kind = "flag"
)

// Origin is where a value came from.
type Origin struct {
	Kind Kind `json:"kind"`
	// Place is file:line:column, the name of the variable, or the flag;
	// empty for a default.
	Place string `json:"place,omitempty"`
	// file says that the variable named a file.
	file bool
}

// String is the origin in a few words.
func (o Origin) String() string {
	switch o.Kind {
	case File:
		return o.Place
	case Default, "":
		return string(Default)
	}
	return string(o.Kind) + " " + o.Place
}

// subject finds the setting that an error of proxy.Config begins with, as in
// "listen[0].plaintext: ..." or "databases[0] (shop): upstream.port: ...".
var subject = regexp.MustCompile(`^([a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)*)(?: \([^)]*\))?(?:: ([a-z_.]+)\b)?`)

// explain puts the origin of the value before each error about it, so that
// people find the line. An error about what is not there keeps the place of
// what should hold it.
func (l *Loaded) explain(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return l.placed(err)
	}
	var errs []error
	for _, one := range joined.Unwrap() {
		errs = append(errs, l.placed(one))
	}
	return errors.Join(errs...)
}

func (l *Loaded) placed(err error) error {
	m := subject.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	for at := strictyaml.Join(m[1], strings.TrimRight(m[2], ".")); at != ""; at = parent(at) {
		if origin, known := l.origins[at]; known {
			return fmt.Errorf("%s: %w", origin, err)
		}
		if origin, known := l.within(at); known {
			return fmt.Errorf("%s: %w", origin, err)
		}
	}
	return err
}

// within is the origin of the first value inside a setting that has none
// itself: an entry of a list that only variables or flags give.
func (l *Loaded) within(at string) (o Origin, known bool) {
	first := ""
	for name, origin := range l.origins {
		if strings.HasPrefix(name, at+".") && origin.Kind != Default && (first == "" || name < first) {
			first, o = name, origin
		}
	}
	return o, first != ""
}

// parent is the name of what holds a setting.
func parent(name string) string { return name[:max(0, strings.LastIndexAny(name, ".["))] }
