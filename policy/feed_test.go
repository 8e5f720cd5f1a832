package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// TestFeeds shows who may follow which changes. A case is a policy, a line with
// ++++, and then one request a line: a replication command, or CONNECT for the
// connection. "as USER from ADDRESS" says who asks, "fact JSON" what was
// measured.
func TestFeeds(t *testing.T) {
	each(t, "feeds", func(t *testing.T, text string) string {
		return cases(t, text, func(input string) string {
			document, lines, found := strings.Cut(input, "\n++++\n")
			if !found {
				t.Fatalf("a case without ++++: %q", input)
			}
			p := parse(t, document)
			base := request()
			var out []string
			for line := range strings.SplitSeq(lines, "\n") {
				if who, is := strings.CutPrefix(line, "as "); is {
					base.Identity.User, base.Session.Address, _ = strings.Cut(who, " from ")
					base.Facts.Feed = nil
					out = append(out, line)
					continue
				}
				if fact, is := strings.CutPrefix(line, "fact "); is {
					base.Facts.Feed = new(policy.FeedFact)
					if err := json.Unmarshal([]byte(fact), base.Facts.Feed); err != nil {
						t.Fatalf("%v in %q", err, fact)
					}
					out = append(out, line)
					continue
				}
				req := *base
				req.Kind, req.Statements = statement.Replication, []statement.Statement{replicationStatement(t, line)}
				out = append(out, "> "+line, terms(decideBothWays(t, p, &req)))
			}
			return strings.Join(out, "\n")
		})
	})
}

func replicationStatement(t *testing.T, text string) statement.Statement {
	t.Helper()
	if text == "CONNECT" {
		return statement.ConnectForReplication()
	}
	a, is := statement.AnalyzeReplication(text)
	if !is || a.Problem != nil {
		t.Fatalf("%q is no replication command", text)
	}
	return a.Statements[0]
}

// What is no command of the protocol is not let through as one, whatever it
// says of itself.
func TestFeedsAreSound(t *testing.T) {
	p := parse(t, "version: 1\nreplication:\n  - {id: f, users: [alice], databases: [shop], slot: s, publications: [p]}\n")
	command := &statement.ReplicationCommand{Command: statement.ReplicationIdentify}
	read := single(statement.OrdinaryRead)
	read.Replication = command
	other := single(statement.Replication)
	other.Replication = &statement.ReplicationCommand{Command: "SOMETHING_NEW", Slot: "s"}
	physical := single(statement.Replication)
	physical.Replication = &statement.ReplicationCommand{Command: statement.ReplicationIdentify, Physical: true}
	two := single(statement.Replication)
	two.Replication = command
	two.Effects = append(two.Effects, statement.Effect{Kind: statement.OrdinaryRead, What: "a thing"})
	for name, st := range map[string]statement.Statement{"of another kind": read, "unknown": other, "physical": physical, "with more effects": two} {
		if d := p.Decide(request(st)); d.Verdict != policy.Deny {
			t.Errorf("%s: %+v", name, d)
		}
	}
	sound := single(statement.Replication)
	sound.Replication = command
	if d := p.Decide(request(sound)); d.Verdict != policy.Allow {
		t.Errorf("%+v", d)
	}
	var none *policy.Policy
	if none.View(policy.Identity{User: "alice"}, policy.Session{Database: "shop"}).Feeds() {
		t.Error("no policy lets somebody follow changes")
	}
}
