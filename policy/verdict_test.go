package policy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// TestVerdicts reads real SQL and judges it. A line of testdata/decide is
//
//	VERDICT RULE USER[@ADDRESS] SQL
//
// and the lines above it set the scene:
//
//	policy FILE                        one of examples/policies
//	measured PLACE ADDRESS [FINDING, ...]
func TestVerdicts(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	each(t, "decide", func(t *testing.T, text string) string {
		s := &scene{t: t, analyzer: analyzer}
		var out strings.Builder
		for line := range strings.Lines(text) {
			out.WriteString(s.line(strings.TrimSuffix(line, "\n")) + "\n")
		}
		return out.String()
	})
}

// TestStory shows what people read for real SQL under the demo's policy.
func TestStory(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	each(t, "story", func(t *testing.T, text string) string {
		s := &scene{t: t, analyzer: analyzer}
		s.line("policy demo.yaml")
		s.line("measured sandbox 127.0.0.1:5434 let an unknown user in without a password, no TLS")
		return cases(t, text, func(sql string) string { return told(s.decide("alice", sql), sql) })
	})
}

// told writes a decision as psql would show it.
func told(d policy.Decision, sql string) string {
	message, detail, hint := policy.Explain(d, "7k2mq9xw")
	out := d.Verdict.String() + " " + d.SQLSTATE + "\n" + message + "\nDETAIL: " + strings.ReplaceAll(detail, "\n", "\n        ")
	if hint != "" {
		out += "\nHINT: " + hint
	}
	if at := d.PlaceIn(sql); at >= 0 && at < len(sql) {
		line, _, _ := strings.Cut(sql[at:], "\n")
		out += "\nPOINTS AT: " + line
	}
	return out
}

type scene struct {
	t        *testing.T
	analyzer *statement.Analyzer
	policy   *policy.Policy
	facts    policy.Facts
}

func (s *scene) line(line string) string {
	words := strings.Fields(line)
	switch {
	case len(words) == 0 || words[0] == "#":
	case words[0] == "policy":
		s.policy, s.facts = example(s.t, words[1]), policy.Facts{}
	case words[0] == "measured":
		place := policy.Place{Name: words[1], Address: words[2], MeasuredAt: "2026-11-22T14:03:07Z"}
		if len(words) > 3 {
			place.Findings = strings.Split(strings.Join(words[3:], " "), ", ")
		}
		s.facts.Places = append(s.facts.Places, place)
	case len(words) > 3:
		_, sql, _ := strings.Cut(line, " "+words[2]+" ")
		sql = strings.TrimSpace(sql)
		d := s.decide(words[2], sql)
		return fmt.Sprintf("%-5s  %-19s %-8s  %s", d.Verdict, strings.TrimPrefix(d.Rule, "builtin:"), words[2], sql)
	default:
		s.t.Errorf("a line nobody understands: %q", line)
	}
	return line
}

// decide judges a text, twice: once as it is and once after the way through
// the trail.
func (s *scene) decide(who, sql string) policy.Decision {
	analysis := s.analyzer.Analyze(context.Background(), sql)
	req := request(analysis.Statements...)
	req.Kind, req.Problem, req.Facts = analysis.Kind, analysis.Problem, s.facts
	user, address, found := strings.Cut(who, "@")
	req.Identity.User = user
	if found {
		req.Session.Address = address
	}
	d := s.policy.Decide(req)
	data, err := json.Marshal(req)
	if err != nil {
		s.t.Fatal(err)
	}
	recorded := new(policy.Request)
	if err := json.Unmarshal(data, recorded); err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(d, s.policy.Decide(recorded)); diff != "" {
		s.t.Errorf("%s: the record is decided differently: %s", sql, diff)
	}
	if message, _, _ := policy.Explain(d, "7k2mq9xw"); len([]rune(message)) > 120 {
		s.t.Errorf("%s: too long: %s", sql, message)
	}
	return d
}
