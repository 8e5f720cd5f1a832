package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

func (r *reader) destinations(entries map[string]destinationEntry) []*place {
	places := make([]*place, 0, len(entries))
	for name, entry := range entries {
		one := &place{
			PlaceDef: PlaceDef{
				Name: name, Host: entry.Host, Port: defaultPort, Database: entry.Database, CA: entry.CA, Owner: entry.Owner.Value,
				Position: r.source.At(entry.Position),
			},
			hosts:   r.hostPatterns(entry.Addresses),
			floor:   r.floor(entry.Floor),
			accepts: r.classPatterns(entry.Accepts),
			masks:   r.placeMasks(entry.Masks),
		}
		if entry.Port != nil {
			one.Port = *entry.Port
		}
		if !identifier.MatchString(name) {
			r.errs.Addf(entry.Position, "the name of a destination is made of %s", identifierWords)
		}
		onlyPatterns := entry.Host == "" && len(entry.Addresses) > 0
		if !onlyPatterns && (entry.Host == "" || strings.ContainsAny(entry.Host, " ,/:@*") && !isAddress(entry.Host)) {
			r.errs.Addf(entry.Position, "destination %s needs a host: one host name or IP address; patterns go into addresses", name)
		}
		if one.Port < 1 || one.Port > 65535 {
			r.errs.Addf(entry.Position, "destination %s: a port is a number from 1 to 65535", name)
		}
		r.placeTerms(one, &entry)
		places = append(places, one)
	}
	slices.SortFunc(places, func(a, b *place) int { return cmp.Compare(a.Name, b.Name) })
	r.doublePlaces(places, entries)
	return places
}

// doublePlaces refuses two names for one place: facts about the one would
// be missed by rules about the other.
func (r *reader) doublePlaces(places []*place, entries map[string]destinationEntry) {
	type key struct {
		host     string
		port     int
		database string
	}
	seen := map[key]string{}
	for _, one := range places {
		hosts := make([]string, 0, len(one.hosts)+1)
		if one.Host != "" {
			hosts = append(hosts, canonicalHost(one.Host))
		}
		for _, h := range one.hosts {
			hosts = append(hosts, h.String())
		}
		for _, host := range hosts {
			k := key{host, one.Port, one.Database}
			if first, double := seen[k]; double && first != one.Name {
				r.errs.Addf(entries[one.Name].Position, "destinations %s and %s are the same place: keep one name", first, one.Name)
			}
			seen[k] = one.Name
		}
	}
}

func canonicalHost(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(host)
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func (r *reader) hostPatterns(texts []strictyaml.Text) []hostPattern {
	patterns := make([]hostPattern, 0, len(texts))
	for _, text := range texts {
		p, err := parseHostPattern(text.Value)
		switch {
		case err != nil:
			r.errs.Addf(text.Position, "%q is not an address of a place: %v", text.Value, err)
			continue
		case slices.Contains(patterns, p):
			r.errs.Addf(text.Position, "%s stands twice in this list", text.Value)
		}
		patterns = append(patterns, p)
	}
	return patterns
}

// floor reads what a place must reach. A key that is not given asks for
// what a source of personal data should have.
func (r *reader) floor(entry *floorEntry) *floor {
	if entry == nil {
		return nil
	}
	return &floor{
		tls:            r.rung(entry.TLS, "tls", tlsRungs, "verified"),
		authentication: r.rung(entry.Authentication, "authentication", authenticationRungs, "scram"),
		replication:    r.rung(entry.Replication, "replication", replicationRungs, "closed"),
	}
}

func (r *reader) rung(text strictyaml.Text, name string, rungs []string, otherwise string) int {
	if text.IsZero() {
		return slices.Index(rungs, otherwise)
	}
	at := slices.Index(rungs, text.Value)
	if at < 0 {
		r.errs.Addf(text.Position, "%q is no floor for %s%s", text.Value, name, orKnown(text.Value, rungs))
		return slices.Index(rungs, otherwise)
	}
	return at
}

// clients reads the client endpoints.
func (r *reader) clients(entries []clientEntry) []client {
	clients := make([]client, 0, len(entries))
	lines := map[string]int{}
	for i := range entries {
		entry := &entries[i]
		one := client{
			name: entry.Name.Value, networks: r.addresses(entry.Networks), methods: r.methods(entry.Methods),
			tls: entry.TLS, assurance: r.assurance(entry.Assurance), accepts: r.classPatterns(entry.Accepts),
			masks: r.masks(entry.Masks), position: r.source.At(entry.Position),
		}
		if !identifier.MatchString(one.name) {
			r.errs.Addf(orElse(entry.Name.Position, entry.Position), "a client endpoint needs a name made of %s", identifierWords)
		} else if line, double := lines[one.name]; double {
			r.errs.Addf(entry.Name.Position, "the name %s is taken by the client endpoint on line %d", one.name, line)
		}
		lines[one.name] = entry.Line
		r.emptyList(entry.Position, "networks", entry.Networks)
		r.emptyList(entry.Position, "methods", entry.Methods)
		r.emptyList(entry.Position, "assurance", entry.Assurance)
		for j := range clients {
			if one.name != "" && clients[j].covers(&one) {
				r.errs.Addf(entry.Position, "client endpoint %s is never met: %s on line %d has all its clients and stands before it",
					one.name, clients[j].name, entries[j].Line)
				break
			}
		}
		clients = append(clients, one)
	}
	return clients
}

// assurance reads values of the claim acr (OpenID Connect Core, section 2).
func (r *reader) assurance(texts []strictyaml.Text) []string {
	var out []string
	for _, text := range texts {
		switch {
		case text.Value == "" || len(text.Value) > maxLink:
			r.errs.Addf(text.Position, "a value of the claim acr has 1 to %d bytes", maxLink)
		case slices.Contains(out, text.Value):
			r.errs.Addf(text.Position, "%s stands twice in this list", text.Value)
		}
		out = append(out, text.Value)
	}
	return out
}
