package destination

import (
	"fmt"
	"net/netip"
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
// was knocked at and over what the rules say. Both are the worst of all ways,
// not necessarily of the same one.
type Entry struct {
	Role           string         `json:"role"`
	Authentication Authentication `json:"authentication"`
	Strength       Strength       `json:"strength"`
	Transport      Transport      `json:"transport"`
	// Known is false if there may be a weaker way than this one.
	Known bool `json:"known"`
	// Evidence is how the weakest authentication and transport were seen;
	// Unknown is what could not be decided.
	Evidence []string `json:"evidence,omitempty"`
	Unknown  []string `json:"unknown,omitempty"`
}

// maxReasons is how many reasons an entry keeps.
const maxReasons = 8

// Entry is the weakest way in for a role. What cannot be decided leaves the
// entry unknown; the weaknesses that were seen stand all the same.
func (m *Measurement) Entry(role string) Entry {
	e := Entry{Role: role, Authentication: Rejected, Strength: StrengthRejected, Transport: NoWay, Known: true}
	if m.cannotLogIn(role) {
		e.Evidence = []string{"it is a role without LOGIN"}
		return e
	}
	m.knocked(&e)
	m.simulated(&e)
	m.guessable(&e)
	return e
}

// cannotLogIn reports whether a role is known not to have LOGIN.
func (m *Measurement) cannotLogIn(role string) bool {
	if m.Inside == nil || !m.Inside.Roles.Known {
		return false
	}
	for i := range m.Inside.Roles.Value {
		if r := &m.Inside.Roles.Value[i]; r.Name == role {
			return !r.Login
		}
	}
	return false
}

// knocked adds what was met on the wire. An open door to a name that does not
// exist is open to every name: the server trusts before it looks names up.
func (m *Measurement) knocked(e *Entry) {
	met := false
	for _, o := range m.Outside {
		for i := range o.Knocks {
			k := &o.Knocks[i]
			everybody := k.Unknown && k.Authentication == Trust
			if k.Replication && k.Database == "" || k.User != e.Role && !everybody {
				continue
			}
			if k.Authentication == UnknownMethod {
				e.doubt("a knock " + k.words() + " had no clear answer: " + k.Evidence)
				continue
			}
			met = met || k.User == e.Role
			e.way(k.Authentication, k.Strength, o.transport(k), k.admits(), "knocked "+k.words()+": "+k.Evidence)
		}
		for _, p := range o.Problems {
			e.doubt("from outside: " + p)
		}
	}
	if !met {
		e.doubt("nobody knocked with this name")
	}
}

// simulated adds what the rules say.
func (m *Measurement) simulated(e *Entry) {
	if m.Inside == nil {
		e.doubt("the server could not be asked: " + m.InsideProblem)
		return
	}
	if !m.Inside.HBA.Known {
		e.doubt("the rules of pg_hba.conf are not known: " + m.Inside.HBA.Evidence)
		return
	}
	sources := m.Sources
	if len(sources) == 0 {
		sources = Everywhere
	}
	hba, who := &m.Inside.HBA.Value, m.Inside.Members()
	transport := m.provenTransport()
	for _, source := range sources {
		for _, from := range hba.Places(source) {
			for _, encrypted := range []bool{false, true} {
				o := hba.Match(Client{From: from, TLS: encrypted, User: e.Role, Database: m.Database}, who)
				if !o.Known {
					e.doubt(o.Why)
				}
				if o.Authentication == UnknownMethod {
					continue
				}
				t := Plaintext
				if encrypted {
					t = transport
				}
				e.way(o.Authentication, o.Strength, t, o.Authentication != Rejected, o.words(from, encrypted))
			}
		}
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
			e.way(Password, StrengthCleartext, NoWay, true, "its password is its name")
		}
	}
}

// way takes a way in into account.
func (e *Entry) way(a Authentication, s Strength, t Transport, admits bool, evidence string) {
	if !admits {
		return
	}
	if s < e.Strength || t < e.Transport {
		e.Evidence = appendReason(e.Evidence, evidence)
	}
	if s < e.Strength {
		e.Authentication, e.Strength = a, s
	}
	e.Transport = min(e.Transport, t)
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
	return fmt.Sprintf("%s lets %s in %s with %s", o.Rule.where(), from.Addr(), road, Clean(o.Rule.Method))
}
