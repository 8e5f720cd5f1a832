package destination

import (
	"net/netip"
)

// Doors answers by which ways roles get into one place. It is prepared once for
// many roles, and not for use by several goroutines.
type Doors struct {
	m   *Measurement
	who *Members
	// places stand for all sources; see HBA.Places.
	places    []netip.Prefix
	transport Transport
	memo      map[string][]simulated
}

// simulated is what the rules do to a client.
type simulated struct {
	outcome   Outcome
	from      netip.Prefix
	encrypted bool
}

// Doors prepares the answers.
func (m *Measurement) Doors() *Doors {
	d := &Doors{m: m, transport: m.provenTransport(), memo: map[string][]simulated{}}
	if m.Inside == nil {
		return d
	}
	d.who = m.Inside.Members()
	sources := m.Sources
	if len(sources) == 0 {
		sources = Everywhere
	}
	for _, source := range sources {
		d.places = append(d.places, m.Inside.HBA.Value.Places(source)...)
	}
	return d
}

// simulate is every different outcome for a name, over all sources, with and
// without TLS. The rules must be known.
func (d *Doors) simulate(name string, replication bool) []simulated {
	key, shared := d.key(name, replication)
	if shared {
		if known, found := d.memo[key]; found {
			return known
		}
	}
	var out []simulated
	seen := map[Outcome]map[bool]bool{}
	for _, from := range d.places {
		for _, encrypted := range []bool{false, true} {
			c := Client{From: from, TLS: encrypted, User: name, Database: d.m.Database, Replication: replication}
			o := d.m.Inside.HBA.Value.Match(c, d.who)
			if seen[o] == nil {
				seen[o] = map[bool]bool{}
			}
			if !seen[o][encrypted] {
				seen[o][encrypted] = true
				out = append(out, simulated{o, from, encrypted})
			}
		}
	}
	if shared {
		d.memo[key] = out
	}
	return out
}

// key has one letter for each rule: whether its database and user match. Names
// with the same key meet the same outcomes. It is not shared if something is
// not known, because the reason names the name.
func (d *Doors) key(name string, replication bool) (key string, shared bool) {
	hba := &d.m.Inside.HBA.Value
	letters := make([]byte, 0, len(hba.Rules)+16)
	c := Client{User: name, Database: d.m.Database, Replication: replication}
	for i := range hba.Rules {
		database := hba.matchesDatabase(&hba.Rules[i], c, d.who).answer
		user := hba.matchesUser(&hba.Rules[i], c, d.who).answer
		if database == maybe || user == maybe {
			return "", false
		}
		letters = append(letters, "-?p+"[min(database, user)])
	}
	return string(letters) + d.who.verifier(name), true
}
