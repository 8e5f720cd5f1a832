package policy

import "time"

// PlaceDef is a destination that the policy names, with all that it says of it.
type PlaceDef struct {
	Name string
	// Host is empty for a place that is known by patterns only.
	Host     string
	Port     int
	Database string
	// CA is the path of the certificate authority's file; empty for the
	// system's own list. This package does not open it.
	CA string
	// Owner is the team or person to ask; empty if nobody is named.
	Owner string
	// Keys are SHA-256 digests of the public keys that its certificate may have
	// (SubjectPublicKeyInfo, lower-case hex); nil for any.
	Keys []string
	// SystemIdentifier is that of its cluster; empty for any.
	SystemIdentifier string
	// PlaceFloor is what the place must reach to be given a copy.
	PlaceFloor
	Roles PlaceRoles
	// Readers are whom its roles stand for; the first that has a role counts.
	Readers []Readers
	// Trusted are the readers that run the server, sorted.
	Trusted []string
	// Grants say which role gets to read what another may read at the source.
	Grants []PlaceGrant
	// Schemas are those that copies may be put into; nil for any.
	Schemas []string
	// Attestors are whose statements count, Attested is the path of the file with
	// their statements; empty for none.
	Attestors []Attestor
	Attested  string
	Watch     PlaceWatch
	React     PlaceReactions
	Expires   PlaceExpiry
	// Position is file:line:column in the document.
	Position string
}

// PlaceRoles are the roles that were made at a place for Sluice.
type PlaceRoles struct {
	Owner, Probe, Carrier, Reactor string
}

// Readers says whom roles stand for.
type Readers struct {
	Name string
	// Roles are names with * for any characters, +group for its members.
	Roles []string
}

// PlaceGrant gives a role of the place, To, the columns that From may read where
// they come from. From may be PUBLIC.
type PlaceGrant struct{ From, To string }

// Attestor is somebody whose signature counts.
type Attestor struct {
	Name string
	// Key is their public key (Ed25519), in base64.
	Key string
}

// PlaceWatch says how often a place that holds copies is looked at.
type PlaceWatch struct {
	Relations, Roles, Wire time.Duration
	// From are local addresses to knock from; nil for the system's choice.
	From []string
}

// Reaction is what is done when protection has become less, mildest first.
type Reaction string

// The reactions. Each includes those before it.
const (
	// ReactAlert tells people.
	ReactAlert Reaction = "alert"
	// ReactBlock lets no new copy go there.
	ReactBlock Reaction = "block"
	// ReactFreeze takes every right to read away, ends sessions, and has row
	// security show nothing.
	ReactFreeze Reaction = "freeze"
	// ReactPurge removes the copies.
	ReactPurge Reaction = "purge"
)

var reactionNames = []string{string(ReactAlert), string(ReactBlock), string(ReactFreeze), string(ReactPurge)}

// PlaceReactions says what is done by what has changed.
type PlaceReactions struct {
	Latent, Object, Server, Unknown Reaction
}

// PlaceExpiry says how long copies live.
type PlaceExpiry struct {
	After, AtMost time.Duration
	// Remind are times before the end, longest first.
	Remind []time.Duration
	// Lease is how long rows can be read without anybody who watches; zero for
	// ever.
	Lease time.Duration
}

// PlaceNamed finds a destination by its name.
func (p *Policy) PlaceNamed(name string) (PlaceDef, bool) {
	if one := p.placeNamed(name); one != nil {
		return one.PlaceDef, true
	}
	return PlaceDef{}, false
}

func (p *Policy) placeNamed(name string) *place {
	if p == nil || name == "" {
		return nil
	}
	for _, one := range p.places {
		if one.Name == name {
			return one
		}
	}
	return nil
}

// ReadersOf are whom the roles of a database stand for, by the name of the
// database in the proxy's configuration.
func (p *Policy) ReadersOf(database string) []Readers {
	if p == nil {
		return nil
	}
	return p.readers[database]
}

// Keeps are the CHECK constraints that values of a class satisfy as they are masked
// on their way to a place.
func (p *Policy) Keeps(place, class string) []string {
	one := p.placeNamed(place)
	if one == nil {
		return nil
	}
	entry := (&maskedFor{first: one.masks}).find(class)
	if entry == nil {
		return nil
	}
	return entry.keeps
}

// MayRead reports whether the policy lets readers of a place read a class there
// that they may not read where it comes from.
func (p *Policy) MayRead(place, readers, class string) bool {
	one := p.placeNamed(place)
	if one == nil {
		return false
	}
	for _, m := range one.mayRead {
		for _, name := range m.readers {
			if name == readers && hasClass(m.classes, class) {
				return true
			}
		}
	}
	return false
}
