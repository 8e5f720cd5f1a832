package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// options are what the command line asks for, with the sizes that follow.
type options struct {
	cases, ways *regexp.Regexp
	rounds      int
	seconds     int
	quick, list bool
	// out is the folder for the result; empty keeps none.
	out string
	// dir is the folder in which everything temporary is made.
	dir string
	// sluices are the builds to measure; empty means one of this source.
	sluices builds
	sizes   sizes
}

// build is one Sluice program with the name it has in the result.
type build struct{ name, path string }

// builds is the value of the flag -sluice, which may be given several times.
type builds []build

// sizes say how much work a case is.
type sizes struct {
	// scale is pgbench's: 100,000 accounts each.
	scale int
	// rows are those of the table that COPY moves, rowBytes each.
	rows int
	// idle is how many sessions are opened and left alone.
	idle int
}

var (
	fullSizes  = sizes{scale: 10, rows: 600_000_000 / rowBytes, idle: 2000}
	quickSizes = sizes{scale: 1, rows: 6_000_000 / rowBytes, idle: 50}
)

func parseOptions(args []string, usage io.Writer) (*options, error) {
	o := &options{cases: regexp.MustCompile(""), ways: regexp.MustCompile(""), sizes: fullSizes}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.Func("cases", "measure only cases whose name matches this `regexp`", pattern(&o.cases))
	flags.Func("ways", "measure only ways whose name matches this `regexp`", pattern(&o.ways))
	flags.IntVar(&o.rounds, "rounds", 5, "how often every way takes its turn in a case")
	flags.IntVar(&o.seconds, "seconds", 5, "how long pgbench is measured in a turn")
	flags.BoolVar(&o.quick, "quick", false, "small tables and few sessions: shows that the bench works, measures nothing")
	flags.BoolVar(&o.list, "list", false, "list the cases and end")
	flags.StringVar(&o.out, "out", "", "write RESULT.md and result.json into this `folder`")
	flags.StringVar(&o.dir, "dir", os.TempDir(), "`folder` for the server, the trails and logs; on a disk, not in memory")
	flags.Var(&o.sluices, "sluice", "measure this Sluice program, `path or name=path`; may be given several times (default: built from this source)")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if o.quick {
		o.sizes = quickSizes
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q: every argument is a flag", flags.Arg(0))
	case o.rounds < 1:
		return nil, fmt.Errorf("-rounds %d: at least one is needed", o.rounds)
	case o.seconds < 1:
		return nil, fmt.Errorf("-seconds %d: at least one is needed", o.seconds)
	}
	return o, nil
}

func pattern(into **regexp.Regexp) func(string) error {
	return func(text string) (err error) {
		*into, err = regexp.Compile(text)
		return err
	}
}

// buildName is what can be a way's name, a file's and part of a role's.
var buildName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,15}$`)

// String is for the package flag.
func (b *builds) String() string { return "" }

// Set adds a build.
func (b *builds) Set(text string) error {
	name, path, found := strings.Cut(text, "=")
	if !found {
		name, path = "sluice", text
	}
	if !buildName.MatchString(name) {
		return fmt.Errorf("name %q: up to 16 small letters, digits and hyphens are possible", name)
	}
	for _, other := range *b {
		if other.name == name {
			return fmt.Errorf("two builds are called %s; say name=path", name)
		}
	}
	if name == wayDirect || name == wayPgBouncer || name == wayHAProxy {
		return fmt.Errorf("name %q belongs to another way", name)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(absolute); err != nil {
		return err
	}
	*b = append(*b, build{name, absolute})
	return nil
}

// describe tells what a reader of the result has to know of the options.
func (o *options) describe() settings {
	return settings{
		Rounds: o.rounds, Seconds: o.seconds, Quick: o.quick,
		Scale: o.sizes.scale, CopyBytes: int64(o.sizes.rows) * rowBytes, IdleSessions: o.sizes.idle,
	}
}
