package condition_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/policy/condition"
)

var input = condition.Input{
	Identity:  condition.Identity{User: "anna", Method: "cert", Issuer: "https://login.example", Subject: "a-1", Groups: []string{"dba", "staff"}, ACR: "urn:mfa", AMR: []string{"otp"}},
	Session:   condition.Session{Database: "shop", Address: "10.1.2.3", TLS: true, ApplicationName: "psql", SharedPassword: true, Declared: map[string]string{"reason": "T-1"}},
	Statement: condition.Statement{Kind: "ordinary_read", Node: "SelectStmt", Effects: []string{"ordinary_read"}, Relations: []string{"public.users"}, Classes: []string{"contact.email"}},
	Destinations: []condition.Destination{
		{Type: "server", Host: "db.example", Port: 5432, Name: "here", Measured: true}, {Type: "server", Host: "other", Findings: []string{"is open"}},
	},
	Purpose: "T-1",
	Now:     time.Date(2026, 11, 22, 14, 3, 7, 0, time.UTC),
}

func TestHolds(t *testing.T) {
	for text, want := range map[string]bool{
		`identity.user == "anna" && identity.method == "cert"`:                            true,
		`identity.issuer == "https://login.example" && identity.subject == "a-1"`:         true,
		`"dba" in identity.groups && !("support" in identity.groups)`:                     true,
		`identity.groups.exists(g, g.startsWith("st")) && identity.groups.size() == 2`:    true,
		`identity.acr == "urn:mfa" && identity.amr == ["otp"]`:                            true,
		`session.database == "shop" && session.tls && session.address.startsWith("10.")`:  true,
		`session.shared_password && !(session.tls && !session.shared_password)`:           true,
		`"reason" in session.declared && session.declared["reason"].matches("^T-[0-9]+")`: true,
		`has(session.declared.ticket)`:                                                    false,
		`statement.kind == "ordinary_read" && "public.users" in statement.relations`:      true,
		`statement.classes.exists(c, c.startsWith("contact."))`:                           true,
		`statement.functions.size() == 0 && statement.settings == []`:                     true,
		`destination.port == 5432 && destination.measured && destinations.size() == 2`:    true,
		`destinations.all(d, d.findings.size() == 0)`:                                     false,
		`purpose != "" && now.getHours() >= 7 && now.getHours() < 19`:                     true,
		`now < timestamp("2026-01-01T00:00:00Z")`:                                         false,
		`now.getDayOfWeek() in [1, 2, 3, 4, 5]`:                                           false,
	} {
		c, err := condition.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := c.Holds(&input); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func TestErrorsAreAnswers(t *testing.T) {
	empty := condition.Input{}
	many := input
	many.Statement.Relations = make([]string, 60000)
	for text, in := range map[string]*condition.Input{
		`now > timestamp("2026-01-01T00:00:00Z")`:      &empty,
		`identity.groups[0] == "dba"`:                  &empty,
		`session.declared["destination"] == "sandbox"`: &input,
		`statement.relations[0] == "x"`:                &empty,
		`1 / destination.port == 1`:                    &empty,
		`statement.relations.exists(r, r == "x")`:      &many,
		`identity.user == statement.relations[7]`:      &input,
	} {
		c, err := condition.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := c.Holds(in); err == nil || got {
			t.Errorf("%s: %v without an error", text, got)
		}
	}
	c, err := condition.Compile(`destination.host == "" && destinations.size() == 0 && purpose == ""`)
	if err != nil {
		t.Fatal(err)
	}
	if holds, err := c.Holds(&empty); !holds || err != nil {
		t.Errorf("an empty input: %v, %v", holds, err)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`identity.usr == "a"`:                    "1:9 undefined field 'usr'; did you mean user?",
		`sesion.tls`:                             "1:1 undeclared reference to 'sesion' (did you mean 'session'?)",
		`identity.user`:                          "0:0 a condition is true or false, and this is string",
		"identity.user ==\n  1":                  "1:15 there is no == for (string, int)",
		`identity.user == `:                      "1:18 the condition ends here and is not complete",
		``:                                       "0:0 there is nothing to evaluate",
		" \n":                                    "0:0 there is nothing to evaluate",
		`user == "a"`:                            "1:1 undeclared reference to 'user'; there are destination, destinations, identity,",
		`identity.user = "a"`:                    "1:15 write == to compare",
		`identity.user == "a`:                    "1:18 the text \"a has no closing quote",
		`identity.user == “a”`:                   "1:18 the quotes of a text are \" or ', not “",
		`session.tls and true`:                   "1:13 write && for and",
		`(session.tls`:                           "1:13 ')' is missing here",
		`session.tls)`:                           "1:12 ')' cannot stand here",
		`session.tls; true`:                      "1:12 ';' cannot stand here",
		`purpose.matches("([")`:                  "1:17 this is no regular expression of RE2",
		`now > timestamp("May")`:                 "1:17 this is no time",
		`duration("5x") > duration("1h")`:        "1:10 this is no duration",
		`dyn(1)`:                                 "0:0 a condition is true or false, and this is dyn",
		strings.Repeat("(", 400):                 "recursion limit",
		strings.Repeat("true && ", 400) + "true": "0:0 a condition has at most 2000 bytes",
		`statement.relations.all(a, statement.relations.all(b, statement.relations.all(c, a + b == c)))`: "0:0 this condition may cost",
	} {
		_, err := condition.Compile(text)
		var first *condition.Mistake
		if !errors.As(err, &first) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got := err.Error()
		if head, rest, found := strings.Cut(want, " "); found && strings.Contains(head, ":") {
			if place := fmt.Sprintf("%d:%d", first.Line, first.Column); place != head {
				t.Errorf("%q: at %s, want %s", text, place, head)
			}
			want = rest
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Of a text that is not CEL, what follows from the first mistake is not
// shown.
func TestOneSyntaxMistake(t *testing.T) {
	_, err := condition.Compile(`identity.user = "a"`)
	if err == nil || err.Error() != "write == to compare" {
		t.Errorf("got %v", err)
	}
}

func TestUses(t *testing.T) {
	for text, want := range map[string][2]bool{
		`now.getHours() > 1`:                        {true, false},
		`destination.host == "x"`:                   {false, true},
		`destinations.exists(d, d.measured)`:        {false, true},
		`identity.user == "now"`:                    {false, false},
		`true || [1].exists(x, timestamp(0) < now)`: {true, false},
		`.now > timestamp(0)`:                       {true, false},
	} {
		c, err := condition.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := [2]bool{c.UsesTime(), c.UsesDestination()}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// FuzzCondition looks for panics, for conditions that take long, and for
// answers beside an error.
func FuzzCondition(f *testing.F) {
	for _, text := range []string{
		`identity.user == "anna"`, `now.getHours() > 7 && purpose.matches("^T-")`, `statement.relations.exists(r, r in statement.classes)`,
		`has(session.declared.x) ? destination.measured : false`, `"\x00".size() > -1`, `[[]]`, `{}`, `condition.Identity{user: "x"}.user == ""`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		c, err := condition.Compile(text)
		if spent := time.Since(start); spent > 2*time.Second {
			t.Fatalf("took %v to compile", spent)
		}
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Fatalf("a condition beside an error, or no words: %v", err)
			}
			return
		}
		start = time.Now()
		holds, err := c.Holds(&input)
		if holds && err != nil {
			t.Fatal("an answer beside an error")
		}
		if spent := time.Since(start); spent > 2*time.Second {
			t.Fatalf("took %v", spent)
		}
	})
}
