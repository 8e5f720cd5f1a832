package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/quote"
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

// place is a destination of a policy with what is asked of it.
type place struct {
	PlaceDef
	// hosts are patterns of further addresses that the place has.
	hosts []hostPattern
	// floor is what is asked of the place; nil asks for no finding at all.
	floor *floor
	// accepts are the classes that may go there; without them nothing that
	// has a class may.
	accepts []classPattern
	// masks are for classes that go there masked only.
	masks   []maskOf
	mayRead []mayRead
}

// mayRead lets readers read classes at a place.
type mayRead struct {
	readers []string
	classes []classPattern
}

// reachedAt reports whether the place is at a host and port.
func (p *place) reachedAt(host string, port int) bool {
	if portOf(port) != p.Port {
		return false
	}
	return p.at(host, port) || slices.ContainsFunc(p.hosts, func(h hostPattern) bool { return h.has(host) })
}

// destinationFaults says what keeps rows from going where the statement
// would send them. A destination that is not known, not measured or not
// clean is a fault, and so is a class that it does not accept.
func (c *ruling) destinationFaults() []Reason {
	destinations := serverDestinations(c.st)
	if len(destinations) == 0 {
		return []Reason{{Text: "the text does not tell which server the data would go to"}}
	}
	var faults []Reason
	for _, d := range destinations {
		if fact, bad := c.judge.destinationFact(d); bad {
			faults = append(faults, Reason{Text: fact})
			continue
		}
		if def, _ := c.judge.place(d); def != nil {
			faults = append(faults, c.notAccepted(def)...)
		}
	}
	return faults
}

// notAccepted says which classes that a statement may carry a place does
// not accept, at most two of them.
func (c *ruling) notAccepted(def *place) []Reason {
	var faults []Reason
	for _, entry := range c.carried() {
		if hasClass(def.accepts, entry.class) {
			continue
		}
		faults = append(faults, Reason{
			Position: def.Position,
			Text: fmt.Sprintf("%s accepts no %s, and %s, which is that by %s, may be carried there",
				def.Name, entry.class, quote.Short(entry.text, maxSubject), entry.position),
		})
		if len(faults) == quotedFindings {
			break
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
	j.volatile = true
	def, known := j.place(d)
	name := placeName(def, d)
	facts := j.measurements(d, def)
	for i := range facts {
		if fact, bad := judgePlace(def, name, &facts[i]); bad {
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
	case len(facts) == 0:
		return "nothing was measured about " + name, true
	}
	fact, _ := judgePlace(def, name, &facts[0])
	return fact, false
}

// standing is how well a policy knows a destination.
type standing uint8

const (
	unnamed standing = iota
	otherDatabase
	named
)

// place finds what the policy knows of a destination. A place written with
// this very host goes before one that has it by a pattern.
func (j *judge) place(d statement.Destination) (*place, standing) {
	var found *place
	known := unnamed
	if d.Type != statement.ToServer {
		return nil, unnamed
	}
	for _, exact := range []bool{true, false} {
		for _, p := range j.policy.places {
			if !p.reachedAt(d.Host, d.Port) || exact && !p.at(d.Host, d.Port) {
				continue
			}
			if p.Database == "" || p.Database == d.Database {
				return p, named
			}
			if known == unnamed {
				found, known = p, otherDatabase
			}
		}
	}
	return found, known
}

// placeName is the policy's name for a destination, or else its address.
func placeName(def *place, d statement.Destination) string {
	if def != nil {
		return def.Name
	}
	return quote.Short(address(d), maxSubject)
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

// measurements are the facts about a destination: those taken at its
// address and, for a place that has one host only, those taken under its
// name.
func (j *judge) measurements(d statement.Destination, def *place) []Place {
	var out []Place
	for _, fact := range j.req.Facts.Places {
		if sameAddress(fact.Address, d) || def != nil && len(def.hosts) == 0 && fact.Name == def.Name {
			out = append(out, fact)
		}
	}
	return out
}

// judgePlace puts a measurement into words and reports whether it speaks
// against the place.
func judgePlace(def *place, name string, fact *Place) (string, bool) {
	when := clock(fact.MeasuredAt)
	switch {
	case fact.Problem != "":
		return fmt.Sprintf("%s could not be measured: %s (tried %s)", name, quote.Short(fact.Problem, maxReason), when), true
	case def != nil && def.floor != nil:
		if below := def.floor.below(fact); below != "" {
			return fmt.Sprintf("%s is below its floor: %s (measured %s)", name, below, when), true
		}
	case len(fact.Findings) > 0:
		return fmt.Sprintf("%s %s (measured %s)", name, quote.Short(worst(fact.Findings), maxReason), when), true
	}
	if when == unknownTime {
		return name + " was measured, but not when is known", true
	}
	if def != nil && def.floor != nil {
		return fmt.Sprintf("%s was measured and reaches its floor (%s)", name, when), false
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
