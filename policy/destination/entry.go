package destination

import (
	"fmt"
	"net/netip"
	"slices"
)

// Measurement is everything that is known about one place.
type Measurement struct {
	// Inside is nil if the server could not be asked; InsideProblem says why.
	Inside        *Facts `json:"inside,omitempty"`
	InsideProblem string `json:"inside_problem,omitempty"`
	// Outside are measurements from one or more vantages.
	Outside []*Outside `json:"outside,omitempty"`
	// Database is the one that holds copies.
	Database string `json:"database"`
	// Sources are where clients could come from. Without any, the whole world
	// counts: a firewall cannot be seen.
	Sources []netip.Prefix `json:"sources,omitempty"`
}

// Everywhere is every address there is.
var Everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// Entry is the weakest way by which a role gets into the database, over what
// was knocked at and over what the rules say; for a role that may stream the
// whole server, also by replication. Authentication and transport are each the
// worst of all ways, not necessarily of the same one.
type Entry struct {
	Role           string         `json:"role"`
	Authentication Authentication `json:"authentication"`
	Strength       Strength       `json:"strength"`
	Transport      Transport      `json:"transport"`
	// Known is false if there may be a weaker way than this one.
	Known bool `json:"known"`
	// Evidence is how the weakest authentication and transport were seen, in
	// this order if they differ; Unknown is what could not be decided.
	Evidence []string `json:"evidence,omitempty"`
	Unknown  []string `json:"unknown,omitempty"`

	weakest, openest string // evidence
}

// maxReasons is how many reasons an entry keeps.
const maxReasons = 8

// Entry is the weakest way in for a role. What cannot be decided leaves the
// entry unknown; the weaknesses that were seen stand all the same. For many
// roles, prepare Doors once.
func (m *Measurement) Entry(role string) Entry { return m.Doors().Entry(role) }

// Entry is the weakest way in for a role.
func (d *Doors) Entry(role string) Entry {
	e := Entry{Role: role, Authentication: Rejected, Strength: StrengthRejected, Transport: NoWay, Known: true}
	if d.cannotLogIn(role) {
		e.Evidence = []string{"it is a role without LOGIN"}
		return e
	}
	d.knocked(&e)
	d.ruled(&e)
	d.m.guessable(&e)
	for _, text := range []string{e.weakest, e.openest} {
		if text != "" {
			e.Evidence = appendReason(e.Evidence, text)
		}
	}
	return e
}

// Stranger is the entry of a name that does not exist.
func (d *Doors) Stranger() Entry { return d.Entry(strangerName) }

// strangerName stands for every name that does not exist. No role can be
// called that, since a name ends at a NUL.
const strangerName = "a name that does not exist\x00"

// cannotLogIn reports whether a role is known not to have LOGIN.
func (d *Doors) cannotLogIn(role string) bool {
	if d.who == nil || !d.m.Inside.Roles.Known {
		return false
	}
	r := d.who.roles[role]
	return r != nil && !r.Login
}

// mayStream reports whether physical replication is a way in for a role.
func (d *Doors) mayStream(role string) bool {
	if d.who == nil || role == strangerName {
		return false
	}
	r := d.who.roles[role]
	return r != nil && (r.Replication || r.Superuser)
}

// knocked adds what was met on the wire. An open door to a name that does not
// exist is open to every name: the server trusts before it looks names up.
func (d *Doors) knocked(e *Entry) {
	met := false
	for _, o := range d.m.Outside {
		for i := range o.Knocks {
			k := &o.Knocks[i]
			physical := k.Replication && k.Database == ""
			own := k.User == e.Role || k.Unknown && e.Role == strangerName
			everybody := k.Unknown && k.Authentication == Trust
			if physical && !d.mayStream(e.Role) || !own && !everybody {
				continue
			}
			if k.Authentication == UnknownMethod {
				e.doubt("a knock " + k.words() + " had no clear answer: " + k.Evidence)
				continue
			}
			met = met || own
			e.way(k.Authentication, k.Strength, o.transport(k), "knocked "+k.words()+": "+k.Evidence)
		}
		for _, p := range o.Problems {
			e.doubt("from outside: " + p)
		}
	}
	if !met {
		e.doubt("nobody knocked with this name")
	}
}

// ruled adds what the rules say.
func (d *Doors) ruled(e *Entry) {
	in := d.m.Inside
	switch {
	case in == nil:
		e.doubt("the server could not be asked: " + d.m.InsideProblem)
		return
	case !in.HBA.Known:
		e.doubt("the rules of pg_hba.conf are not known: " + in.HBA.Evidence)
		return
	}
	list := d.simulate(e.Role, false)
	if d.mayStream(e.Role) {
		list = append(slices.Clone(list), d.simulate(e.Role, true)...)
	}
	for _, s := range list {
		if s.outcome.Authentication == UnknownMethod {
			e.doubt(s.outcome.Why)
			continue
		}
		t := Plaintext
		if s.encrypted {
			t = d.transport
		}
		e.way(s.outcome.Authentication, s.outcome.Strength, t, s.outcome.words(s.from, s.encrypted))
	}
}

// provenTransport is the grade of TLS here: it proves something only if every
// certificate that was shown was verified.
func (m *Measurement) provenTransport() Transport {
	for _, o := range m.Outside {
		if o.Reachable && !o.TLS.Verified {
			return TLSUnverified
		}
	}
	if len(m.Outside) == 0 {
		return TLSUnverified
	}
	return TLSVerified
}

// guessable counts a password that is known to be the role's name.
func (m *Measurement) guessable(e *Entry) {
	if m.Inside == nil {
		return
	}
	for _, v := range m.Inside.Verifiers.Value {
		if v.Role == e.Role && v.NameIsPassword && e.Strength > StrengthIdent && e.Authentication != Rejected {
			e.way(Password, StrengthCleartext, NoWay, "its password is its name")
		}
	}
}

// way takes a way in into account.
func (e *Entry) way(a Authentication, s Strength, t Transport, evidence string) {
	if a == Rejected {
		return
	}
	if s < e.Strength {
		e.Authentication, e.Strength, e.weakest = a, s, evidence
	}
	if t < e.Transport {
		e.Transport, e.openest = t, evidence
	}
}

// doubt records that something could not be decided.
func (e *Entry) doubt(why string) {
	e.Known = false
	e.Unknown = appendReason(e.Unknown, why)
}

func appendReason(list []string, text string) []string {
	text = Clean(text)
	for _, have := range list {
		if have == text {
			return list
		}
	}
	if len(list) >= maxReasons {
		return list
	}
	return append(list, text)
}

// words says which rule would be met.
func (o *Outcome) words(from netip.Prefix, encrypted bool) string {
	road := "without TLS"
	if encrypted {
		road = "over TLS"
	}
	if o.Rule == nil {
		return fmt.Sprintf("no rule for %s %s", from.Addr(), road)
	}
	text := fmt.Sprintf("%s lets %s in %s with %s", o.Rule.where(), from.Addr(), road, Clean(o.Rule.Method))
	if !o.Known {
		text = "perhaps " + text + " (" + o.Why + ")"
	}
	return text
}
