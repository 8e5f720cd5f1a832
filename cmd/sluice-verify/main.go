// Command sluice-verify checks an audit trail of Sluice's, for reviewers: it
// needs the trail's directory and the verifier key, no network and no server,
// and builds without a C compiler.
//
//	sluice-verify [-key FILE] [-expect N] [-checkpoint FILE] [-origin NAME] [-json] DIR
//
// Without -key it takes DIR.pub, where sluice keeps it, and says that a key
// that lies beside the trail proves less. It exits 0 if the trail is good, 4 if it is not, 2 if the
// command line is wrong, 1 if the trail could not be checked.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/sluice-pg/sluice/audit/verify"
)

// The exit codes.
const (
	exitGood = iota
	exitFailed
	exitUsage
	_
	exitBad
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// settings is the command line.
type settings struct {
	dir, key, checkpoint string
	asJSON               bool
	options              verify.Options
}

func run(args []string, out, errOut io.Writer) int {
	s, err := parse(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return exitGood
	}
	if err != nil {
		fmt.Fprintf(errOut, "sluice-verify: %v\n", err)
		return exitUsage
	}
	report, err := s.verify(errOut)
	if err != nil && !errors.Is(err, verify.ErrBad) {
		fmt.Fprintf(errOut, "sluice-verify: %v\n", err)
		return exitFailed
	}
	if err := s.print(out, report); err != nil {
		fmt.Fprintf(errOut, "sluice-verify: %v\n", err)
		return exitFailed
	}
	if !report.OK {
		return exitBad
	}
	return exitGood
}

func parse(args []string, errOut io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("sluice-verify", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.Usage = func() {
		fmt.Fprintln(errOut, "usage: sluice-verify [flags] DIR")
		f.PrintDefaults()
	}
	f.StringVar(&s.key, "key", "", "`file` with the verifier key, kept apart from the trail (default DIR.pub)")
	f.StringVar(&s.checkpoint, "checkpoint", "", "`file` with a checkpoint kept elsewhere; the trail must hold the same records")
	f.StringVar(&s.options.Origin, "origin", "", "the trail's `name` (default the key's name)")
	f.Int64Var(&s.options.Expect, "expect", 0, "the `number` of records known to have been signed")
	f.BoolVar(&s.asJSON, "json", false, "print the report as JSON")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() != 1 {
		return s, fmt.Errorf("one directory is needed, there are %d arguments; see -help", f.NArg())
	}
	if s.options.Expect < 0 {
		return s, errors.New("-expect must not be negative")
	}
	s.dir = f.Arg(0)
	return s, nil
}

func (s *settings) verify(errOut io.Writer) (verify.Report, error) {
	if s.key == "" {
		s.key = filepath.Clean(s.dir) + ".pub"
		fmt.Fprintf(errOut, "sluice-verify: using the key beside the trail, %s: it shows damage, not forgery; give one kept elsewhere with -key\n", s.key)
	}
	text, err := os.ReadFile(s.key)
	if err != nil {
		return verify.Report{}, fmt.Errorf("the verifier key: %w", err)
	}
	key, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return verify.Report{}, fmt.Errorf("the verifier key in %s: %w", s.key, err)
	}
	if s.checkpoint != "" {
		if s.options.Checkpoint, err = os.ReadFile(s.checkpoint); err != nil {
			return verify.Report{}, fmt.Errorf("the checkpoint: %w", err)
		}
	}
	return verify.Dir(s.dir, key, s.options)
}

func (s *settings) print(out io.Writer, report verify.Report) error {
	if !s.asJSON {
		_, err := io.WriteString(out, report.String())
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}
