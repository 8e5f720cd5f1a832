package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/statement"
)

// serverDestinations lists the destinations of a statement that are other
// servers or URLs.
func serverDestinations(st *statement.Statement) []statement.Destination {
	var out []statement.Destination
	for _, d := range st.Destinations {
		if d.Type == statement.ToServer || d.Type == statement.ToURL {
			out = append(out, d)
		}
	}
	return out
}

// destinationFaults says what keeps rows from going where the statement
// would send them. A destination that is not known, not measured or not
// clean is a fault.
func (c *ruling) destinationFaults() []string {
	destinations := serverDestinations(c.st)
	if len(destinations) == 0 {
		return []string{"the text does not tell which server the data would go to"}
	}
	var faults []string
	for _, d := range destinations {
		if fact, bad := c.judge.destinationFact(d); bad {
			faults = append(faults, fact)
		}
	}
	return faults
}

// destinationFacts says what is known about each server the statement
// names, good or bad.
func (c *ruling) destinationFacts() []string {
	var facts []string
	for _, d := range serverDestinations(c.st) {
		fact, _ := c.judge.destinationFact(d)
		facts = append(facts, fact)
	}
	return facts
}

// destinationFact describes one destination in a sentence and reports
// whether that speaks against sending anything there.
func (j *judge) destinationFact(d statement.Destination) (string, bool) {
	name, known := j.placeName(d)
	measured := j.measurements(d, name)
	for i := range measured {
		if fact, bad := judgePlace(name, &measured[i]); bad {
			return fact, true
		}
	}
	switch {
	case d.Type == statement.ToURL:
		return "a URL is no place whose protection can be measured", true
	case d.Host == "":
		return "the text does not tell which server is meant", true
	case known == unnamed:
		return name + " is no destination of the policy", true
	case known == otherDatabase:
		return name + " is a destination of the policy for another database than the text names", true
	case len(measured) == 0:
		return "nothing was measured about " + name, true
	}
	fact, _ := judgePlace(name, &measured[0])
	return fact, false
}

// standing is how well a policy knows a destination.
type standing uint8

const (
	unnamed standing = iota
	otherDatabase
	named
)

// placeName is the policy's name for a destination, or else its address.
func (j *judge) placeName(d statement.Destination) (string, standing) {
	name, known := clean(address(d), maxSubject), unnamed
	for _, place := range j.policy.places {
		if d.Type != statement.ToServer || !place.at(d.Host, d.Port) {
			continue
		}
		if place.Database == "" || place.Database == d.Database {
			return place.Name, named
		}
		if known == unnamed {
			name, known = place.Name, otherDatabase
		}
	}
	return name, known
}

// address writes host:port, an IPv6 address in brackets.
func address(d statement.Destination) string {
	host := d.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(portOf(d.Port))
}

func portOf(port int) int {
	if port == 0 {
		return defaultPort
	}
	return port
}

// sameAddress reports whether an address written as host:port is that of a
// destination.
func sameAddress(written string, d statement.Destination) bool {
	at := strings.LastIndexByte(written, ':')
	if at < 0 || written[at+1:] != strconv.Itoa(portOf(d.Port)) {
		return false
	}
	host := strings.TrimSuffix(strings.TrimPrefix(written[:at], "["), "]")
	return sameHost(host, d.Host)
}

// measurements are the facts about a destination: those taken under its
// name and those taken at its address.
func (j *judge) measurements(d statement.Destination, name string) []Place {
	var out []Place
	for _, fact := range j.req.Facts.Places {
		if fact.Name == name || sameAddress(fact.Address, d) {
			out = append(out, fact)
		}
	}
	return out
}

// judgePlace puts a measurement into words and reports whether it speaks
// against the place.
func judgePlace(name string, fact *Place) (string, bool) {
	when := clock(fact.MeasuredAt)
	switch {
	case fact.Problem != "":
		return fmt.Sprintf("%s could not be measured: %s (tried %s)", name, clean(fact.Problem, maxReason), when), true
	case len(fact.Findings) > 0:
		return fmt.Sprintf("%s %s (measured %s)", name, clean(worst(fact.Findings), maxReason), when), true
	case when == unknownTime:
		return name + " was measured, but not when is known", true
	}
	return fmt.Sprintf("%s was measured without a finding (%s)", name, when), false
}

const unknownTime = "at an unknown time"

// clock shortens an RFC 3339 time to that of the day, UTC.
func clock(stamp string) string {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return unknownTime
	}
	return t.UTC().Format("15:04:05Z")
}

// quotedFindings is how many findings a refusal quotes.
const quotedFindings = 2

// worst quotes the first findings and says how many more there are; they
// are on record.
func worst(findings []string) string {
	quoted := strings.Join(findings[:min(len(findings), quotedFindings)], ", ")
	if more := len(findings) - quotedFindings; more > 0 {
		return fmt.Sprintf("%s, and %d more", quoted, more)
	}
	return quoted
}
