package protection

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/protection"
)

var (
	//go:embed testdata/source.sql
	sourceSchema string
	//go:embed testdata/destination.sql
	destinationSchema string

	rewrite = flag.Bool("rewrite", false, "write what the tests see into testdata")
)

const examplesFile = "testdata/examples.txt"

// example is a record of examples.txt.
type example struct {
	name, to, from string
	since, until   int
	entry          protection.Entry
	lineage        map[string]protection.Origin
	rules          protection.Rules
	byGroup        bool
	sql            string
	head, want     string
}

// Each worked example has the verdict that is on file, on every version, seen
// by a role that may only connect at the source and, at the destination, inside
// the transaction that makes the copy.
func TestWorkedExamples(t *testing.T) {
	t.Parallel()
	file, examples := readExamples(t)
	for _, version := range harness.VersionsOr(t, 15, 18) {
		from, to := newServer(t, version), newServer(t, version)
		root(t, from, database).must(t, sourceSchema)
		making := root(t, to, database)
		making.must(t, destinationSchema)
		source := load(t, look(t, from, database))
		for i := range examples {
			if e := &examples[i]; version >= e.since && version <= e.until {
				e.hold(t, version, source, making)
			}
		}
	}
	if *rewrite {
		writeExamples(t, file, examples)
	}
}

// hold makes the copy, compares, and takes it back.
func (e *example) hold(t *testing.T, version int, source *protection.Server, making connection) {
	t.Helper()
	making.must(t, "BEGIN;"+e.sql)
	making.must(t, "RESET ROLE")
	*making.asked = nil
	destination := load(t, making)
	for _, sql := range *making.asked {
		if !strings.HasPrefix(sql, "SELECT ") {
			t.Errorf("a load asks %s", sql)
		}
	}
	verdict := e.verdict(t, source, destination)
	making.must(t, "ROLLBACK")
	got := strings.TrimSpace(verdict.String())
	if *rewrite {
		e.want = got
	}
	if got != e.want {
		t.Errorf("PostgreSQL %d, %s:\n%s\nwant:\n%s", version, e.name, got, e.want)
	}
}

func (e *example) verdict(t *testing.T, source, destination *protection.Server) protection.Verdict {
	t.Helper()
	from, to := relation(t, source, e.from), relation(t, destination, e.to)
	lineage := protection.Lineage{}
	for _, name := range to.Columns {
		origin := protection.Origin{Column: protection.ColumnName(from.Schema, from.Name, name)}
		if other, ok := e.lineage[name]; ok {
			origin = other
		}
		lineage[name] = []protection.Origin{origin}
	}
	strong := protection.Entry{Authentication: 45, Transport: protection.VerifiedTLS, Known: true}
	here := protection.Source(source, from, protection.Place{Name: "prod", Subjects: e.subjects(t, "analyst_g", "app_rw"), Entry: func(string) protection.Entry { return strong }}, nil)
	there := protection.Destination(destination, to, protection.Place{Name: "copy", Subjects: e.subjects(t, "an_g", "svc_g"), Entry: func(string) protection.Entry { return e.entry }}, lineage)
	return protection.Compare(here, there, e.rules)
}

func (e *example) subjects(t *testing.T, analysts, services string) *protection.Subjects {
	t.Helper()
	patterns := map[string][]string{"analyst": {"ana"}, "service": {"*svc*", "bob", "bypass"}, "operator": {"postgres", "dba", "bk", "backup"}}
	if e.byGroup {
		patterns["analyst"], patterns["service"] = []string{"+" + analysts}, []string{"+" + services}
	}
	s, err := protection.ParseSubjects(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readExamples(t *testing.T) (comment string, examples []example) {
	t.Helper()
	content, err := os.ReadFile(examplesFile)
	if err != nil {
		t.Fatal(err)
	}
	comment, rest, _ := strings.Cut(string(content), "\n\n")
	for record := range strings.SplitSeq(strings.TrimSpace(rest), "\n\n") {
		head, want, found := strings.Cut(strings.TrimSpace(record), "\n----")
		if !found {
			t.Fatalf("%s: a record without ----: %s", examplesFile, record)
		}
		e := example{until: 99, head: head, want: strings.TrimSpace(want), lineage: map[string]protection.Origin{},
			entry: protection.Entry{Authentication: 40, Transport: protection.VerifiedTLS, Known: true}}
		e.rules = protection.Rules{Floor: protection.Entry{Authentication: 40, Transport: protection.VerifiedTLS, Known: true}, Trusted: []string{"operator"}}
		e.read(t)
		examples = append(examples, e)
	}
	return comment, examples
}

// read reads the lines above ----.
func (e *example) read(t *testing.T) {
	t.Helper()
	for i, line := range strings.Split(e.head, "\n") {
		words := strings.Fields(line)
		switch {
		case i == 0 && len(words) == 4:
			e.name, e.to, e.from = words[0], words[1], words[3]
		case words[0] == "since":
			e.since = number(t, words[1])
		case words[0] == "until":
			e.until = number(t, words[1])
		case words[0] == "entry":
			e.entry.Authentication, e.entry.Transport = number(t, words[1]), number(t, words[2])
		case words[0] == "mask":
			e.lineage[words[1]] = protection.Origin{Column: e.from + "." + words[1], Masked: protection.Gone}
		case words[0] == "map":
			e.lineage[words[1]] = protection.Origin{Column: e.from + "." + words[2]}
		case words[0] == "allow":
			e.rules.Allow = append(e.rules.Allow, protection.Allowance{Subject: words[1], Column: words[2]})
		case words[0] == "by-group":
			e.byGroup = true
		case words[0] == "refuse-soft":
			e.rules.RefuseSoft = true
		default:
			e.sql += line + "\n"
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func writeExamples(t *testing.T, comment string, examples []example) {
	t.Helper()
	var b strings.Builder
	b.WriteString(comment)
	for _, e := range examples {
		fmt.Fprintf(&b, "\n\n%s", strings.TrimSpace(e.head+"\n----\n"+e.want))
	}
	if err := os.WriteFile(examplesFile, []byte(b.String()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
