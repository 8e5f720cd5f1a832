package policy

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// The roles that sluice destination setup makes.
var defaultPlaceRoles = PlaceRoles{Owner: "sluice_owner", Probe: "sluice_probe", Carrier: "sluice_carrier", Reactor: "sluice_reactor"}

// placeTerms reads what the document says of copies at a place.
func (r *reader) placeTerms(p *place, entry *destinationEntry) {
	p.PlaceFloor = r.placeFloor(entry.Floor)
	p.Keys = r.keys(entry.Keys)
	p.SystemIdentifier = r.systemIdentifier(entry.System)
	p.Roles = r.placeRoles(entry.Roles)
	p.Readers = r.readers(entry.Readers)
	p.Trusted = r.readerNames(entry.Trusted, p.Readers, p.Name)
	p.mayRead = r.mayRead(entry.MayRead, p)
	p.Grants = r.grants(entry.Grants)
	p.Schemas = r.schemas(entry.Schemas)
	p.Attestors, p.Attested = r.attestors(entry.Attestors), entry.Attested
	p.Watch = r.watch(entry.Watch)
	p.React = r.react(entry.React)
	p.Expires = r.expires(entry.Expires)
	if p.AtRest == atRestAttested && (len(p.Attestors) == 0 || p.Attested == "") {
		r.errs.Addf(entry.Position, "destination %s: at_rest: attested needs attestors and attested, the file with what they have signed", p.Name)
	}
}

// PlaceFloor is what a place must reach. Words are those of the document.
type PlaceFloor struct {
	TLS, Authentication, Replication string
	// Version is the oldest major version.
	Version                          int
	Logs, Onward, RowFilters, AtRest string
}

const (
	oldestVersion  = 13
	newestVersion  = 99
	atRestAttested = "attested"
)

var (
	closedNames = []string{"open", "closed"}
	logNames    = []string{"open", "quiet", "closed"}
	filterNames = []string{"soft", "hard"}
	atRestNames = []string{"any", atRestAttested}
)

// placeFloor reads the floor for copies. Without one it is that of a floor that
// says nothing.
func (r *reader) placeFloor(entry *floorEntry) PlaceFloor {
	if entry == nil {
		entry = &floorEntry{}
	}
	word := func(text strictyaml.Text, name string, words []string, otherwise string) string {
		switch {
		case text.IsZero():
			return otherwise
		case !slices.Contains(words, text.Value):
			r.errs.Addf(text.Position, "%q is no floor for %s%s", text.Value, name, orKnown(text.Value, words))
		}
		return text.Value
	}
	given := func(text strictyaml.Text, otherwise string) string { return cmp.Or(text.Value, otherwise) }
	return PlaceFloor{
		TLS: given(entry.TLS, "verified"), Authentication: given(entry.Authentication, "scram"), Replication: given(entry.Replication, "closed"),
		Version: r.major(entry.Version), Logs: word(entry.Logs, "logs", logNames, "quiet"),
		Onward:     word(entry.Onward, "onward", closedNames, "open"),
		RowFilters: word(entry.RowFilters, "row_filters", filterNames, "hard"),
		AtRest:     word(entry.AtRest, "at_rest", atRestNames, "any"),
	}
}

func (r *reader) major(text strictyaml.Scalar) int {
	if text.IsZero() {
		return oldestVersion
	}
	n, err := strconv.Atoi(text.Value)
	if err != nil || n < oldestVersion || n > newestVersion {
		r.errs.Addf(text.Position, "version is a major version of PostgreSQL, from %d on", oldestVersion)
	}
	return n
}

var sha256Form = regexp.MustCompile("^[0-9a-f]{64}$")

func (r *reader) keys(texts []strictyaml.Text) []string {
	var out []string
	for _, text := range texts {
		if !sha256Form.MatchString(text.Value) {
			r.errs.Addf(text.Position, "a key is the SHA-256 of a public key: 64 hexadecimal digits in lower case")
		}
		out = append(out, text.Value)
	}
	return out
}

var systemForm = regexp.MustCompile("^[0-9]{1,20}$")

func (r *reader) systemIdentifier(text strictyaml.Text) string {
	if !text.IsZero() && !systemForm.MatchString(text.Value) {
		r.errs.Addf(text.Position, "a system identifier is a number of up to 20 digits, in quotes")
	}
	return text.Value
}

func (r *reader) placeRoles(entry *placeRolesEntry) PlaceRoles {
	roles := defaultPlaceRoles
	if entry == nil {
		return roles
	}
	seen := map[string]bool{}
	for _, one := range []struct {
		text strictyaml.Text
		into *string
	}{{entry.Owner, &roles.Owner}, {entry.Probe, &roles.Probe}, {entry.Carrier, &roles.Carrier}, {entry.Reactor, &roles.Reactor}} {
		if !one.text.IsZero() {
			r.role(one.text)
			*one.into = one.text.Value
		}
		if seen[*one.into] {
			r.errs.Addf(entry.Position, "two of the roles are %s: each has to be one of its own, because each has other rights", *one.into)
		}
		seen[*one.into] = true
	}
	return roles
}

// role checks the name of a role.
func (r *reader) role(text strictyaml.Text) {
	if text.Value == "" || len(text.Value) > maxName || strings.ContainsFunc(text.Value, func(c rune) bool { return c < ' ' || c == del }) {
		r.errs.Addf(text.Position, "%q is no name of a role: 1 to %d bytes that can be printed", text.Value, maxName)
	}
}

// readers reads whom roles stand for.
func (r *reader) readers(entries []readersEntry) []Readers {
	var out []Readers
	for i := range entries {
		e := &entries[i]
		one := Readers{Name: e.Name.Value}
		if !identifier.MatchString(one.Name) {
			r.errs.Addf(orElse(e.Name.Position, e.Position), "readers need a name made of %s", identifierWords)
		}
		if slices.ContainsFunc(out, func(have Readers) bool { return have.Name == one.Name }) {
			r.errs.Addf(e.Name.Position, "the name %s stands twice in this list: put the roles together", one.Name)
		}
		r.emptyList(e.Position, "roles", e.Roles)
		for _, text := range e.Roles {
			r.role(strictyaml.Text{Position: text.Position, Value: strings.TrimPrefix(text.Value, "+")})
			if strings.HasPrefix(text.Value, "+") && strings.Contains(text.Value, "*") {
				r.errs.Addf(text.Position, "a group is written out in full: +group, without *")
			}
			one.Roles = append(one.Roles, text.Value)
		}
		out = append(out, one)
	}
	return out
}

// readerNames are names of readers, sorted.
func (r *reader) readerNames(texts []strictyaml.Text, known []Readers, place string) []string {
	var out []string
	for _, text := range texts {
		if !slices.ContainsFunc(known, func(one Readers) bool { return one.Name == text.Value }) {
			r.errs.Addf(text.Position, "%q are none of the readers of %s", text.Value, place)
		}
		out = addWord(out, text.Value)
	}
	return out
}

func (r *reader) mayRead(entries []mayReadEntry, p *place) []mayRead {
	var out []mayRead
	for i := range entries {
		e := &entries[i]
		r.emptyList(e.Position, "readers", e.Readers)
		r.emptyList(e.Position, "classes", e.Classes)
		out = append(out, mayRead{readers: r.readerNames(e.Readers, p.Readers, p.Name), classes: r.classPatterns(e.Classes)})
	}
	return out
}

// everyRole is the word for every role that there is or will be.
const everyRole = "PUBLIC"

func (r *reader) grants(entries []grantEntry) []PlaceGrant {
	var out []PlaceGrant
	for i := range entries {
		e := &entries[i]
		r.role(e.From)
		r.role(e.To)
		if strings.EqualFold(e.To.Value, everyRole) {
			r.errs.Addf(e.To.Position, "PUBLIC is every role that there will ever be: name the role that is to read")
		}
		one := PlaceGrant{From: e.From.Value, To: e.To.Value}
		if slices.Contains(out, one) {
			r.errs.Addf(e.Position, "this grant stands twice")
		}
		out = append(out, one)
	}
	return out
}

func (r *reader) schemas(texts []strictyaml.Text) []string {
	var out []string
	for _, text := range texts {
		switch {
		case text.Value == "" || len(text.Value) > maxName:
			r.errs.Addf(text.Position, "%q is no name of a schema", text.Value)
		case strings.HasPrefix(text.Value, "pg_") || text.Value == "information_schema":
			r.errs.Addf(text.Position, "%s belongs to PostgreSQL: nothing is copied there", text.Value)
		}
		out = append(out, text.Value)
	}
	return out
}

// publicKey is the form of 32 bytes in base64.
var publicKey = regexp.MustCompile("^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")

func (r *reader) attestors(entries []attestorEntry) []Attestor {
	var out []Attestor
	for i := range entries {
		e := &entries[i]
		if !publicKey.MatchString(e.Key.Value) {
			r.errs.Addf(orElse(e.Key.Position, e.Position), "a key is a public key of Ed25519: 32 bytes in base64")
		}
		if !identifier.MatchString(e.Name.Value) {
			r.errs.Addf(orElse(e.Name.Position, e.Position), "an attestor needs a name made of %s", identifierWords)
		}
		out = append(out, Attestor{Name: e.Name.Value, Key: e.Key.Value})
	}
	return out
}

// The bounds of how often a place is looked at: what is promised about changes
// is not for sale.
const (
	leastWatch       = 100 * time.Millisecond
	watchRelations   = 2 * time.Second
	watchRoles       = 5 * time.Second
	watchWire        = 30 * time.Second
	mostWatchCatalog = 5 * time.Second
	mostWatchWire    = time.Minute
)

func (r *reader) watch(entry *watchEntry) PlaceWatch {
	out := PlaceWatch{Relations: watchRelations, Roles: watchRoles, Wire: watchWire}
	if entry == nil {
		return out
	}
	out.Relations = r.spanIn(entry.Relations, "relations", watchRelations, leastWatch, mostWatchCatalog)
	out.Roles = r.spanIn(entry.Roles, "roles", watchRoles, leastWatch, mostWatchCatalog)
	out.Wire = r.spanIn(entry.Wire, "wire", watchWire, time.Second, mostWatchWire)
	r.emptyList(entry.Position, "from", entry.From)
	for _, text := range entry.From {
		if _, err := netip.ParseAddr(text.Value); err != nil {
			r.errs.Addf(text.Position, "%q is no IP address of this machine", text.Value)
		}
		out.From = append(out.From, text.Value)
	}
	return out
}

// spanIn reads a time span between bounds.
func (r *reader) spanIn(text strictyaml.Text, key string, otherwise, least, most time.Duration) time.Duration {
	if text.IsZero() {
		return otherwise
	}
	d, err := parseSpan(text.Value)
	switch {
	case err != nil:
		r.errs.Addf(text.Position, "%s is a time span such as 30s, 5m or 24h, not %q", key, text.Value)
	case d < least || d > most:
		r.errs.Addf(text.Position, "%s is from %s to %s, not %s", key, DurationWords(least), DurationWords(most), text.Value)
	}
	return d
}

func (r *reader) react(entry *reactEntry) PlaceReactions {
	out := PlaceReactions{Latent: ReactAlert, Object: ReactFreeze, Server: ReactFreeze, Unknown: ReactBlock}
	if entry == nil {
		return out
	}
	for _, one := range []struct {
		text strictyaml.Text
		into *Reaction
	}{{entry.Latent, &out.Latent}, {entry.Object, &out.Object}, {entry.Server, &out.Server}, {entry.Unknown, &out.Unknown}} {
		switch {
		case one.text.IsZero():
		case !slices.Contains(reactionNames, one.text.Value):
			r.errs.Addf(one.text.Position, "%q is not a reaction%s", one.text.Value, orKnown(one.text.Value, reactionNames))
		default:
			*one.into = Reaction(one.text.Value)
		}
	}
	return out
}

// How long copies live.
const (
	defaultLife  = 720 * time.Hour
	leastLife    = time.Minute
	mostLife     = 87600 * time.Hour
	defaultLease = 5 * time.Minute
	leastLease   = time.Minute
	mostLease    = 24 * time.Hour
	leaseOff     = "off"
)

func (r *reader) expires(entry *expiresEntry) PlaceExpiry {
	out := PlaceExpiry{After: defaultLife, AtMost: defaultLife, Remind: []time.Duration{72 * time.Hour, 24 * time.Hour}, Lease: defaultLease}
	if entry == nil {
		return out
	}
	out.After = r.spanIn(entry.After, "after", defaultLife, leastLife, mostLife)
	out.AtMost = r.spanIn(entry.AtMost, "at_most", out.After, leastLife, mostLife)
	if out.After > out.AtMost {
		r.errs.Addf(orElse(entry.After.Position, entry.Position), "a copy lives %s if nobody asks for more, and %s at most", DurationWords(out.After), DurationWords(out.AtMost))
	}
	if entry.Remind != nil {
		out.Remind = nil
		r.emptyList(entry.Position, "remind", entry.Remind)
		for _, text := range entry.Remind {
			out.Remind = append(out.Remind, r.spanIn(text, "remind", 0, leastLife, mostLife))
		}
		slices.SortFunc(out.Remind, func(a, b time.Duration) int { return cmp.Compare(b, a) })
	}
	if entry.Lease.Value == leaseOff {
		out.Lease = 0
	} else {
		out.Lease = r.spanIn(entry.Lease, "lease", defaultLease, leastLease, mostLease)
	}
	return out
}
