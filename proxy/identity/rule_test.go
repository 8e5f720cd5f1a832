package identity

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// ruleCase is one case of testdata/rules.txt.
type ruleCase struct {
	name     string
	rules    Rules
	expected []string // lines after ----
}

func readRuleCases(t *testing.T) []ruleCase {
	t.Helper()
	content, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []ruleCase
	for number, line := range strings.Split(string(content), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") || line == "----" {
			continue
		}
		if words[0] == "case" {
			cases = append(cases, ruleCase{name: strings.TrimPrefix(line, "case ")})
			continue
		}
		current := &cases[len(cases)-1]
		if words[0] != "rule" {
			current.expected = append(current.expected, line)
			continue
		}
		if len(words) != 6 {
			t.Fatalf("line %d: a rule has five fields", number+1)
		}
		method := strings.TrimPrefix(words[5], "-")
		current.rules = append(current.rules, Rule{
			Databases: names(words[1]), Users: names(words[2]), Addresses: names(words[3]), TLS: words[4], Method: method,
		})
	}
	return cases
}

func names(field string) []string {
	if field == "-" {
		return nil
	}
	return strings.Split(field, ",")
}

func TestRules(t *testing.T) {
	checked := 0
	for _, test := range readRuleCases(t) {
		t.Run(test.name, func(t *testing.T) {
			invalid := false
			for _, line := range test.expected {
				checked++
				if want, ok := strings.CutPrefix(line, "invalid "); ok {
					invalid = true
					if err := test.rules.Validate(); err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("error %v, want %q", err, want)
					}
					continue
				}
				checkConnection(t, test.rules, line)
			}
			if err := test.rules.Validate(); !invalid && err != nil {
				t.Errorf("not valid: %v", err)
			}
		})
	}
	if checked < 45 {
		t.Errorf("only %d expectations were read", checked)
	}
}

func checkConnection(t *testing.T, rules Rules, line string) {
	t.Helper()
	words := strings.Fields(line)
	connection := words[len(words)-4:]
	want := strings.Join(words[:len(words)-4], " ")
	var addr netip.Addr
	if connection[2] != "none" {
		addr = netip.MustParseAddr(connection[2])
	}
	rule, ok := rules.Match(connection[0], connection[1], addr, connection[3] == "tls")
	got := "refused"
	for i := range rules {
		if ok && fmt.Sprint(rules[i]) == fmt.Sprint(rule) {
			got = fmt.Sprintf("%d %s", i+1, rule.Method)
			break
		}
	}
	if got != want {
		t.Errorf("%s: %s", line, got)
	}
}

func TestRulesFromYAML(t *testing.T) {
	const document = `
- databases: [shop]
  users: [alice, bob]
  addresses: [10.0.0.0/8]
  tls: required
  method: cert
- {databases: [all], users: [all], addresses: [all], method: reject}
`
	var rules Rules
	if err := yaml.UnmarshalWithOptions([]byte(document), &rules, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	rule, ok := rules.Match("shop", "bob", netip.MustParseAddr("10.1.1.1"), true)
	if !ok || rule.Method != MethodCertificate {
		t.Errorf("%+v, %v", rule, ok)
	}
}

func TestNotAdmitted(t *testing.T) {
	for _, tls := range []bool{false, true} {
		failure := NotAdmitted("shop", "alice", netip.MustParseAddr("10.0.0.1"), tls)
		if failure.Code != "28000" || !errors.Is(failure, ErrNotAdmitted) || !strings.HasPrefix(failure.Message, "sluice: ") ||
			!strings.Contains(failure.Message, `"alice"`) || strings.Contains(failure.Hint, "sslmode") == tls {
			t.Errorf("tls %v: %+v", tls, failure)
		}
	}
}

// Rules that ask for tokens say whose, and who may use a shared name.
func TestTokenRules(t *testing.T) {
	good := Rule{
		Databases: []string{"all"}, Users: []string{"report"}, Addresses: []string{"all"}, TLS: "required",
		Method: MethodOAuthBearer, OIDC: "company", Groups: []string{"dba"}, Subjects: []string{"anna"},
	}
	for _, test := range []struct {
		change func(*Rule)
		want   string
	}{
		{func(*Rule) {}, ""},
		{func(r *Rule) { r.Method = MethodJWT }, ""},
		{func(r *Rule) { r.Subjects, r.Groups, r.Users = nil, nil, []string{"all"} }, ""},
		{func(r *Rule) { r.Subjects = []string{"all"} }, ""},
		{func(r *Rule) { r.TLS = "any" }, "needs tls: required, since whoever reads the token"},
		{func(r *Rule) { r.TLS = "" }, "needs tls: required"},
		{func(r *Rule) { r.OIDC = "" }, "needs oidc"},
		{func(r *Rule) { r.Groups = []string{""} }, "empty value"},
		{func(r *Rule) { r.Subjects = []string{"anna", ""} }, "empty value"},
		{func(r *Rule) { r.Users = []string{"all"} }, "written out, not all"},
		{func(r *Rule) { r.Subjects, r.Groups = []string{"all"}, nil }, "subjects: [all] needs groups"},
		{func(r *Rule) { r.Method = MethodSCRAM }, "oidc, groups and subjects are for the methods jwt and oauthbearer"},
		{func(r *Rule) { r.Method, r.OIDC, r.Subjects = MethodReject, "", nil }, "oidc, groups and subjects are for"},
	} {
		rule := good
		test.change(&rule)
		err := Rules{rule}.Validate()
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", rule, err, test.want)
		}
	}
	if rules := (Rules{good}); !rules.Uses(MethodOAuthBearer) || rules.Uses(MethodSCRAM) {
		t.Error("the rules do not know their methods")
	}
}
