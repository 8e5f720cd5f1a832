package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/policy"
)

// quickCases have one of each kind of client: pgbench with a script, a COPY
// each way, TLS, and idle sessions; and one of those with a policy of their own.
const quickCases = "^(cold-8|copy-from-binary|copy-to-text-tls|copy-keyed-binary|idle)$"

// The whole bench, small: every way does every kind of work, and the result
// has a figure for each.
func TestQuickRun(t *testing.T) {
	temporary, out := openFolder(t), t.TempDir()
	var markdown, progress bytes.Buffer
	args := []string{"-quick", "-rounds", "1", "-seconds", "1", "-cases", quickCases, "-dir", temporary, "-out", out}
	if err := command(t.Context(), args, &markdown, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	if left, _ := os.ReadDir(temporary); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	r := keptReport(t, out)
	if len(r.Cases) != 5 {
		t.Fatalf("%d cases, want 5", len(r.Cases))
	}
	for _, c := range r.Cases {
		checkCase(t, c)
	}
	kept, err := os.ReadFile(filepath.Join(out, "RESULT.md"))
	if err != nil || string(kept) != markdown.String() {
		t.Errorf("RESULT.md is not what was printed: %v", err)
	}
	for _, want := range []string{"\n## Goals\n", "\n## Speed\n", "\n## Processor time", "\n## Memory", "| `idle` | each session, KiB |", "PostgreSQL) 15."} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("the result does not have %q:\n%s", want, markdown.String())
		}
	}
}

// A run that is interrupted keeps the cases that it has finished, and says so.
func TestInterruptedRun(t *testing.T) {
	temporary, out := openFolder(t), t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var markdown bytes.Buffer
	progress := writerFunc(func(line []byte) {
		if bytes.Contains(line, []byte("tpcb-8 1/1")) {
			interrupt()
		}
	})
	args := []string{"-quick", "-rounds", "1", "-seconds", "1", "-cases", "^(select-simple-1|tpcb-8)$", "-ways", "direct|haproxy", "-dir", temporary, "-out", out}
	if err := command(ctx, args, &markdown, progress); err == nil {
		t.Error("an interrupted run ends well")
	}
	r := keptReport(t, out)
	if len(r.Cases) != 1 || r.Cases[0].Name != "select-simple-1" || r.Ended != "tpcb-8" {
		t.Errorf("kept are %+v, ended in %q", r.Cases, r.Ended)
	}
	if want := "ended early, in case `tpcb-8`"; !strings.Contains(markdown.String(), want) {
		t.Errorf("the result does not say that it %s:\n%s", want, markdown.String())
	}
	if left, _ := os.ReadDir(temporary); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func keptReport(t *testing.T, dir string) (r report) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// writerFunc is what to do with everything that is written.
type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func checkCase(t *testing.T, c caseResult) {
	t.Helper()
	if want := map[bool]int{true: 3, false: 4}[c.Name == "copy-keyed-binary"]; len(c.Ways) != want {
		t.Errorf("%s: %d ways, want %d", c.Name, len(c.Ways), want)
	}
	for _, w := range c.Ways {
		if w.Rate <= 0 || len(w.Samples) != 1 {
			t.Errorf("%s %s: no figure: %+v", c.Name, w.Name, w)
		}
		if proxied := w.Name != wayDirect; proxied != (w.PeakRSS > 1<<20) {
			t.Errorf("%s %s: a peak of %d bytes", c.Name, w.Name, w.PeakRSS)
		}
	}
	// The clock of processor time ticks too seldom for the small COPYs.
	if s := named(c.Ways, "sluice"); !strings.HasPrefix(c.Name, "copy") && s.CPU <= 0 {
		t.Errorf("%s: no processor time of Sluice", c.Name)
	}
	if wanted := c.Name == "idle" || c.Name == "copy-from-binary" || c.Name == "copy-keyed-binary"; wanted != (len(c.Goals) == 1) {
		t.Errorf("%s: verdicts %v", c.Name, c.Goals)
	}
}

// Every policy is one that Sluice takes, and the only one without classes is the
// one for comparing.
func TestPolicies(t *testing.T) {
	for _, name := range append([]string{""}, policies...) {
		p, err := policy.Parse(name+".yaml", []byte(policyText(name)))
		if err != nil {
			t.Errorf("%v\n%s", err, policyText(name))
			continue
		}
		if needs := p.NeedsCatalog(); needs != (name != policyPlain) {
			t.Errorf("%q looks names up: %v", name, needs)
		}
		if keyed := len(p.MaskKeys()) > 0; keyed != (name == policyKeyed) {
			t.Errorf("%q needs the keys %v", name, p.MaskKeys())
		}
	}
}

// Where a case has policies of its own, they take turns with the usual one, and
// the other proxies take none; everywhere else only the usual one does.
func TestWaysOfCases(t *testing.T) {
	proxied := func(context.Context) (*process, error) { return nil, nil }
	s := &stage{ways: []*way{
		{name: wayDirect}, {name: wayHAProxy, launch: proxied}, {name: "sluice", launch: proxied, sluice: true},
		{name: "sluice+keyed", launch: proxied, sluice: true, policy: policyKeyed},
		{name: "sluice+plain", launch: proxied, sluice: true, policy: policyPlain},
	}}
	for want, c := range map[string]benchCase{
		"direct haproxy sluice":      {},
		"direct sluice sluice+keyed": {policies: []string{policyKeyed}},
	} {
		var got []string
		for _, w := range s.waysOf(&c) {
			got = append(got, w.name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v take turns, want %s", got, want)
		}
	}
}

// openFolder is a folder that the user postgres can enter.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bench-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOptions(t *testing.T) {
	program := filepath.Join(t.TempDir(), "a=b")
	if err := os.WriteFile(program, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"x", "-rounds 0", "-seconds 0", "-cases (", "-sluice before=/does/not/exist", "-sluice direct=" + program,
		"-sluice a=" + program + " -sluice a=" + program, "-sluice A=" + program,
	} {
		if _, err := parseOptions(strings.Fields(bad), new(bytes.Buffer)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	o, err := parseOptions([]string{"-sluice", "before=" + program, "-sluice", "after=" + program}, new(bytes.Buffer))
	if err != nil || len(o.sluices) != 2 || o.sluices[0] != (build{"before", program}) {
		t.Errorf("builds %v, error %v", o.sluices, err)
	}
}

func TestParseStat(t *testing.T) {
	got, err := parseStat("7 (a ) b (c) S 3 7 7 0 -1 4194560 0 0 0 0 100 20 3 4 20 0 1 0 5")
	want := stat{pid: 7, parent: 3, cpu: 1270 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "7 (a) S 3", "7 (a) S x 7 7 0 -1 4194560 0 0 0 0 100 20 3 4 20"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestWatchProgress(t *testing.T) {
	const reports = "pgbench (15)\n" +
		"progress: 1.4 s, 0.0 tps, lat 1 ms\nprogress: 2.0 s, 500.0 tps, lat 1 ms\n" +
		"progress: 3.5 s, 100.0 tps, lat 1 ms\nprogress: 4.0 s, 50.0 tps, lat 1 ms\nprogress: 5.0 s, 7.0 tps, lat 1 ms\n"
	ended := 0
	enough := func() error { ended++; return nil }
	got, err := watchProgress(&way{}, strings.NewReader(reports), 2, enough)
	if err != nil || got.count != 175 || got.rate != 87.5 || ended != 1 {
		t.Errorf("%+v, ended %d times, %v", got, ended, err)
	}
	if _, err := watchProgress(&way{}, strings.NewReader(reports), 4, enough); err == nil || ended != 1 {
		t.Errorf("reports that end too early: %v, ended %d times", err, ended)
	}
	const atOnce = "progress: 2.0 s, 500.0 tps, lat 1 ms\nprogress: 2.0 s, 500.0 tps, lat 1 ms\nprogress: 2.0 s, 500.0 tps, lat 1 ms\n"
	if _, err := watchProgress(&way{}, strings.NewReader(atOnce), 1, enough); err == nil || !strings.Contains(err.Error(), "no time") {
		t.Errorf("reports without time between them: %v", err)
	}
}

// A row of the table takes as much room in both formats, which is what makes
// their figures comparable, and CopyData messages hold whole rows.
func TestRows(t *testing.T) {
	for name, row := range map[string]func(int) []byte{"text": textRow, "binary": binaryRow} {
		if n := len(row(0)); n != rowBytes {
			t.Errorf("%s: a row has %d bytes, want %d", name, n, rowBytes)
		}
		block := copyBlock(100, row)
		first := block[5 : 5+rowBytes]
		if !bytes.Equal(first, row(0)) {
			t.Errorf("%s: the block begins with %q", name, first)
		}
		pieces := (100 + copyPiece/rowBytes - 1) / (copyPiece / rowBytes)
		if len(block) != 100*rowBytes+5*pieces {
			t.Errorf("%s: the block has %d bytes", name, len(block))
		}
	}
}

func TestVerdicts(t *testing.T) {
	result := func(name string, growth int64, rates ...float64) wayResult {
		r := wayResult{Name: name}
		for _, v := range rates {
			r.Samples = append(r.Samples, sample{Rate: v, Growth: growth})
		}
		r.summarize()
		return r
	}
	others := []wayResult{result(wayDirect, 0, 100, 10, 100), result(wayPgBouncer, 0, 100, 10, 100), result(wayHAProxy, 0, 90, 9, 90),
		result("sluice", 0, 100, 10, 100), result("sluice+plain", 0, 100, 10, 100)}
	for _, c := range []struct {
		goal *goal
		way  wayResult
		want standing
	}{
		{likePgBouncer, result("sluice", 0, 91, 9, 10), met},
		{likePgBouncer, result("sluice", 0, 80, 8, 95), notMet},
		{likePgBouncer, result("sluice", 0, 70, 7, 95), notDone},
		{likeDirect, result("sluice", 0, 96, 9.6, 96), met},
		{likeDirect, result("sluice", 0, 92, 9.2, 92), notMet},
		{ofUsual(0.95, false), result("sluice+static", 0, 96, 9.6, 90), met},
		{ofUsual(0.95, false), result("sluice+static", 0, 94, 9.4, 100), notMet},
		{ofUsual(0.9, true), result("sluice+keyed", 0, 91, 9.1, 91), met},
		{ofUsual(0.9, true), result("sluice+keyed", 0, 89, 8.9, 91), notMet},
		{ofPlain(0.95), result("sluice", 0, 95, 9.5, 95), met},
		{ofPlain(0.95), result("sluice", 0, 94, 9.4, 94), notMet},
		{ofPlain(0.97), result("sluice+counted", 0, 97, 9.7, 97), met},
		{ofPlain(0.97), result("sluice+counted", 0, 96, 9.6, 96), notMet},
		{littleMemory, result("sluice", 64<<20, 1), met},
		{littleMemory, result("sluice", 64<<20+1, 1), notMet},
		{lightSessions, result("sluice", 48<<10, 1), met},
		{lightSessions, result("sluice", 48<<10+1, 1), notMet},
	} {
		if found, stands := c.goal.judge(c.way, others); stands != c.want {
			t.Errorf("%s: %s is %q, want %q", c.goal.text, found, stands, c.want)
		}
	}
	if found, stands := likePgBouncer.judge(others[0], others[:1]); found != "" || stands != "" {
		t.Errorf("without PgBouncer: %q %q", found, stands)
	}
}
