package measure

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/policy/protection"
	"github.com/sluice-pg/sluice/proxy/probe"
)

// State is what is known about a place at one time.
type State struct {
	At time.Time
	// Source is the system identifier of where data was to come from.
	Source string
	// Measured is from outside and inside.
	Measured *destination.Measurement
	// Posture is the measurement from outside as the probe has it; nil if nobody
	// has knocked.
	Posture *probe.Posture
	// Server says who can read what there; nil if that could not be asked.
	Server *protection.Server
	// Deficits are where it stays below its floor, the worst first.
	Deficits []destination.Deficit
	// Attestations are those that verify; AttestationProblem says why there are
	// none if there should be.
	Attestations       []*destination.Attestation
	AttestationProblem string
}

// Asker has a question asked over a login of the proxy at a place, in one
// transaction that only reads.
type Asker func(ctx context.Context, question func(context.Context, catalog.Querier) error) error

// Measure knocks at a place, asks it about itself, and judges it. It always returns
// something: what could not be measured is unknown, and speaks against the place.
// sourceSystem is the system identifier of where data comes from, empty if nobody
// knows it.
func (p *Place) Measure(ctx context.Context, ask Asker, sourceSystem string) *State {
	s := &State{At: p.now(), Source: sourceSystem, Measured: &destination.Measurement{Database: p.Database}}
	s.askInside(ctx, ask)
	s.Posture = p.knock(ctx, p.users(s), true)
	s.Measured.Outside = []*destination.Outside{s.Posture.Facts()}
	p.judge(s, sourceSystem)
	return s
}

// Again takes what is known of a place and knocks and asks anew, but quickly: with
// names that cannot exist only, or not at all if knock is false.
func (p *Place) Again(ctx context.Context, before *State, ask Asker, knock bool, sourceSystem string) *State {
	s := &State{At: p.now(), Source: sourceSystem, Posture: before.Posture, Measured: &destination.Measurement{Database: p.Database, Outside: before.Measured.Outside}}
	s.askInside(ctx, ask)
	if knock {
		s.Posture = p.knock(ctx, p.users(s), false)
		s.Measured.Outside = []*destination.Outside{s.Posture.Facts()}
	}
	p.judge(s, sourceSystem)
	return s
}

func (s *State) askInside(ctx context.Context, ask Asker) {
	err := ask(ctx, func(ctx context.Context, q catalog.Querier) (err error) {
		if s.Measured.Inside, err = probe.Inside(ctx, q); err != nil {
			return err
		}
		s.Server, err = protection.Load(ctx, q)
		return err
	})
	if err != nil {
		s.Measured.InsideProblem = destination.Clean(err.Error())
	}
}

// mostUsers bounds the roles that are knocked with.
const mostUsers = 50

// users are the roles that can log in there, as far as that is known, those that
// can do most first. Of the proxy's own there may be many, whose names nobody knows
// before: rules tell them apart by their groups, and one of each is enough.
func (p *Place) users(s *State) []string {
	in := s.Measured.Inside
	if in == nil {
		return nil
	}
	roles := slices.Clone(in.Roles.Value)
	slices.SortStableFunc(roles, func(a, b destination.Role) int { return power(b) - power(a) })
	var out []string
	met := map[string]bool{}
	for _, r := range roles {
		if !r.Login || len(out) >= mostUsers || r.Name == "postgres" {
			continue
		}
		if in.Memberships.Known && p.Ours != nil && p.Ours(r.Name) {
			groups := groupsOf(in, r.Name)
			if met[groups] {
				continue
			}
			met[groups] = true
		}
		out = append(out, r.Name)
	}
	return out
}

// groupsOf are the groups that a role is a direct member of, in one text.
func groupsOf(in *destination.Facts, role string) string {
	var groups []string
	for _, m := range in.Memberships.Value {
		if m.Member == role {
			groups = append(groups, m.Group)
		}
	}
	slices.Sort(groups)
	return strings.Join(groups, "\x00")
}

// counted are the roles whose way in counts: all that can log in, but for logins of the
// proxy that nobody knocked with.
func (p *Place) counted(s *State) []string {
	if s.Measured.Inside == nil {
		return nil
	}
	knocked := map[string]bool{}
	for _, o := range s.Measured.Outside {
		for i := range o.Knocks {
			knocked[o.Knocks[i].User] = true
		}
	}
	return slices.DeleteFunc(s.Measured.Inside.LoginRoles(), func(name string) bool {
		return p.Ours != nil && p.Ours(name) && !knocked[name]
	})
}

func power(r destination.Role) (n int) {
	for at, has := range []bool{r.CreateRole, r.BypassRLS, r.Replication, r.Superuser} {
		if has {
			n += 1 << at
		}
	}
	return n
}

func (p *Place) knock(ctx context.Context, users []string, whole bool) *probe.Posture {
	return probe.Outside(ctx, probe.Target{
		Name: p.Name, Host: p.Host, Port: p.Port, Databases: []string{p.Database}, Users: users, CA: p.CA, ServerName: p.ServerName,
	}, probe.Options{Sources: p.sources(), Whole: whole, Now: p.Now})
}

// judge holds what was measured against the floor.
func (p *Place) judge(s *State, sourceSystem string) {
	demands := destination.Demands{Now: p.now(), SourceSystem: sourceSystem, Readers: p.counted(s)}
	var err error
	if s.Attestations, err = p.Attestations(); err != nil {
		s.AttestationProblem = destination.Clean(err.Error())
	}
	demands.Attestations = s.Attestations
	s.Deficits = destination.Judge(p.Floor(), s.Measured, demands)
}

// System is the system identifier of the cluster, empty if it is not known.
func (s *State) System() string {
	if s.Measured.Inside == nil || !s.Measured.Inside.SystemIdentifier.Known {
		return ""
	}
	return s.Measured.Inside.SystemIdentifier.Value
}

// Key is the SHA-256 of the public key that the server showed, in hex; empty if it
// showed none or several.
func (s *State) Key() string {
	key := ""
	for _, o := range s.Measured.Outside {
		for _, c := range o.TLS.Certificates {
			if key != "" && key != c.Key {
				return ""
			}
			key = c.Key
		}
	}
	return key
}

// Sentences are the deficits in words for people.
func (s *State) Sentences() (out []string) {
	for i := range s.Deficits {
		d := &s.Deficits[i]
		text := strings.TrimSuffix(d.Sentence, ".")
		if d.Evidence != "" {
			text += " (" + d.Evidence + ")"
		}
		out = append(out, text)
	}
	if s.AttestationProblem != "" {
		out = append(out, s.AttestationProblem)
	}
	return out
}
