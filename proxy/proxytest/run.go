package proxytest

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write what was received into the files of testdata as what is expected")

// scriptPatience is how long one script may take on one target.
const scriptPatience = 60 * time.Second

// Run runs the script of a file on every target it is meant for, each in a
// subtest, and compares what comes back. A file that no target can run is a
// failure unless it asks for another server version or another policy than
// the targets have.
//
// With -rewrite a target without a proxy writes the common answer, or the
// one for its server version if the script has one. Targets behind a proxy
// write the answers of scripts that are only for the proxy, and accepted
// differences that a person has put in; they never make a new one.
func Run(t *testing.T, file string, targets ...Target) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	script, err := ParseScript(string(text))
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(file), err)
	}
	for _, target := range targets {
		if target.runs(script) {
			t.Run(target.Name, func(t *testing.T) { runOn(t, file, script, target) })
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(script.Format()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func runOn(t *testing.T, file string, script *Script, target Target) {
	ctx, cancel := context.WithTimeout(t.Context(), scriptPatience)
	defer cancel()
	if target.Reset != nil {
		if err := target.Reset(ctx); err != nil {
			t.Fatalf("reset: %v", err)
		}
	}
	p := &play{target: target, conns: map[string]*RawClient{}}
	defer p.close()
	for _, b := range script.blocks {
		if b.head == "" {
			continue
		}
		got, err := p.run(ctx, b)
		if err != nil {
			t.Fatalf("%s:%d: %s: %v\nuntil then:\n%s", filepath.Base(file), b.line, b.head, err, strings.Join(got, "\n"))
		}
		settle(t, file, b, target, target.measures(script), got)
	}
}

// settle compares an answer with what is expected, or writes it if the target
// is the one to measure by.
func settle(t *testing.T, file string, b *block, target Target, measures bool, got []string) {
	t.Helper()
	want := b.expect(target.proxied(), target.Version)
	if *rewrite && (want == nil || want.accepted || measures) {
		b.put(want, got)
		return
	}
	if problem := b.judge(target, got); problem != "" {
		t.Errorf("%s:%d: %s\n%s", filepath.Base(file), b.line, b.head, problem)
	}
}

// judge says what is wrong with an answer; nothing if it is as expected.
func (b *block) judge(target Target, got []string) string {
	want := b.expect(target.proxied(), target.Version)
	switch {
	case want == nil:
		return "the script says nothing about the answer; run with -rewrite"
	case !slices.Equal(want.lines, got):
		return difference(want.lines, got)
	case want.accepted && slices.Equal(b.expect(false, target.Version).lines, got):
		return "the accepted difference is none any more"
	}
	return ""
}

// put writes an answer into the block.
func (b *block) put(at *answer, lines []string) {
	if at == nil {
		at = &answer{marker: divider}
		b.answers = append(b.answers, at)
	}
	at.lines = lines
}

// difference shows two answers line by line, with - for what was expected
// and + for what came instead.
func difference(want, got []string) string {
	var out strings.Builder
	for i := range max(len(want), len(got)) {
		w, g := lineAt(want, i), lineAt(got, i)
		if w == g {
			out.WriteString("  " + w + "\n")
			continue
		}
		if i < len(want) {
			out.WriteString("- " + w + "\n")
		}
		if i < len(got) {
			out.WriteString("+ " + g + "\n")
		}
	}
	return out.String()
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
