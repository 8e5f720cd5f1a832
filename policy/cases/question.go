package cases

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Question is who asks for what, and under which facts.
type Question struct {
	Identity policy.Identity
	Session  policy.Session
	// Time is when it is asked, RFC 3339 in UTC; empty if that is open.
	Time string
	// Places is what was measured. One without an address stands for the
	// policy's destination of its name.
	Places []policy.Place
	// Functions is what the catalog says of functions.
	Functions []policy.FunctionFact
	// Texts are what the session sends, in order. The last is in question.
	Texts []string
}

// NewQuestion is a question in which nothing is special: database postgres,
// from this machine, over TLS, the password proven by SCRAM-SHA-256.
func NewQuestion() Question {
	return Question{
		Identity: policy.Identity{Method: "scram-sha-256"},
		Session:  policy.Session{Database: "postgres", Address: "127.0.0.1", TLS: true},
	}
}

// The keys of facts. The last two are followed by a name.
var factKeys = []string{"database", "address", "method", "issuer", "subject", "groups", "acr", "amr", "tls", "time", "application_name", "shared_password", declaredKey + "NAME", placeKey + "NAME"}

const (
	declaredKey = "declared."
	placeKey    = "place."
)

// Set sets one fact by the key of the one-line form. The error says which
// key or value was probably meant.
func (q *Question) Set(key, value string) error {
	declared, isDeclared := strings.CutPrefix(key, declaredKey)
	place, isPlace := strings.CutPrefix(key, placeKey)
	switch {
	case isDeclared:
		return q.declare(declared, value)
	case isPlace:
		return q.measured(policy.Place{Name: place, Findings: findings(value)})
	case value == "":
		return fmt.Errorf("%s has no value", key)
	}
	switch key {
	case "database":
		q.Session.Database = value
	case "address":
		if _, err := netip.ParseAddr(value); err != nil {
			return fmt.Errorf("%q is not an address: write one like 10.20.0.7 or 2001:db8::7, without a port", value)
		}
		q.Session.Address = value
	case "method":
		if methods := policy.Methods(); !slices.Contains(methods, value) {
			return fmt.Errorf("%q is not a method%s", value, orKnown(value, methods))
		}
		q.Identity.Method = value
	case "issuer":
		q.Identity.Issuer = value
	case "subject":
		q.Identity.Subject = value
	case "groups":
		q.Identity.Groups = listed(value)
	case "acr":
		q.Identity.ACR = value
	case "amr":
		q.Identity.AMR = listed(value)
	case "tls":
		return answer(key, value, &q.Session.TLS)
	case "shared_password":
		return answer(key, value, &q.Session.SharedPassword)
	case "time":
		return q.at(value)
	case "application_name":
		q.Session.ApplicationName = value
	default:
		return fmt.Errorf("%q is not a key%s", key, orKnown(key, lineKeys()))
	}
	return nil
}

// answer reads yes or no.
func answer(key, value string, to *bool) error {
	if value != "yes" && value != "no" {
		return fmt.Errorf("%s is yes or no, not %q", key, value)
	}
	*to = value == "yes"
	return nil
}

// listed are texts with commas between them, sorted, each once, as they are
// taken from a token.
func listed(value string) []string {
	var out []string
	for one := range strings.SplitSeq(value, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (q *Question) at(value string) error {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return fmt.Errorf("%q is not a time: write it like 2026-11-27T09:00:00Z", value)
	}
	q.Time = t.UTC().Format(time.RFC3339)
	return nil
}

// declare sets a sluice.* setting that the client gave when it connected.
func (q *Question) declare(name, value string) error {
	name = strings.TrimPrefix(name, "sluice.")
	if name == "" {
		return fmt.Errorf("what is declared has no name: write %sreason=... for the setting sluice.reason", declaredKey)
	}
	declared := maps.Clone(q.Session.Declared)
	if declared == nil {
		declared = map[string]string{}
	}
	declared[name] = value
	q.Session.Declared = declared
	return nil
}

// measured adds what was measured about a place; what was known about it
// before is gone.
func (q *Question) measured(place policy.Place) error {
	if place.Name == "" && place.Address == "" {
		return fmt.Errorf("a place has a name of the policy or an address")
	}
	same := func(p policy.Place) bool { return p.Name == place.Name && p.Address == place.Address }
	q.Places = append(slices.DeleteFunc(slices.Clone(q.Places), same), place)
	return nil
}

// findings are separated by semicolons; they have commas of their own.
func findings(value string) []string {
	var out []string
	for finding := range strings.SplitSeq(value, ";") {
		if finding = strings.TrimSpace(finding); finding != "" {
			out = append(out, finding)
		}
	}
	return out
}

func lineKeys() []string { return append(slices.Clone(factKeys), "rule", "kind") }

// mostNamed is how many words are listed where none is near the unknown one.
const mostNamed = 30

// orKnown ends a message about an unknown word with the one probably meant,
// or else with all there are.
func orKnown(got string, words []string) string {
	best := strictyaml.Suggest(got, words)
	switch {
	case best != "":
		return "; did you mean " + best + "?"
	case len(words) == 0 || len(words) > mostNamed:
		return ""
	}
	return "; known are " + strings.Join(words, ", ")
}
