package measure

import (
	"fmt"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/protection"
)

// Relation is a relation of a copy: what it is made of, and who may read that where
// it comes from.
type Relation struct {
	Schema, Name string
	// Lineage says what its columns are made of.
	Lineage protection.Lineage
	// Classes are those of columns at the origin, by their names there.
	Classes map[string][]string
}

// SourcePlace is what the roles of a database are to the policy.
func SourcePlace(p *policy.Policy, database, system string) (protection.Place, error) {
	subjects, err := subjectsOf(p.ReadersOf(database))
	if err != nil {
		return protection.Place{}, err
	}
	return protection.Place{Name: system + "/" + database, Subjects: subjects}, nil
}

func subjectsOf(readers []policy.Readers) (*protection.Subjects, error) {
	patterns := map[string][]string{}
	for _, r := range readers {
		patterns[r.Name] = r.Roles
	}
	return protection.ParseSubjects(patterns)
}

// protected is what the roles of the place are to the policy, and how they get in.
func (p *Place) protected(s *State) (protection.Place, error) {
	subjects, err := subjectsOf(p.Readers)
	if err != nil {
		return protection.Place{}, err
	}
	doors := s.Measured.Doors()
	return protection.Place{
		Name: s.System() + "/" + p.Database, Subjects: subjects, Ours: p.Ours,
		Entry: func(role string) protection.Entry {
			e := doors.Stranger()
			if role != "" {
				e = doors.Entry(role)
			}
			return protection.Entry{Authentication: int(e.Strength), Transport: int(e.Transport), Known: e.Known}
		},
	}, nil
}

// Rules are what the policy says about who may read a relation at the place.
func (p *Place) Rules(document *policy.Policy, r *Relation) protection.Rules {
	rules := protection.Rules{Floor: p.entryFloor(), Trusted: p.Trusted, RefuseSoft: p.RowFilters == "hard"}
	for column, classes := range r.Classes {
		for _, readers := range p.Readers {
			may := len(classes) > 0
			for _, class := range classes {
				may = may && document.MayRead(p.Name, readers.Name, class)
			}
			if may {
				rules.Allow = append(rules.Allow, protection.Allowance{Subject: readers.Name, Column: column})
			}
		}
	}
	return rules
}

// Facts are who can read a relation at the place, by what the server says.
func (p *Place) Facts(s *State, server *protection.Server, r *Relation, at *protection.Relation) (*protection.Facts, error) {
	place, err := p.protected(s)
	if err != nil {
		return nil, err
	}
	return protection.Destination(server, at, place, r.Lineage), nil
}

// Compare holds who could read a relation at the place against who can read it at
// its origin.
func (p *Place) Compare(document *policy.Policy, s *State, r *Relation, origin, here *protection.Facts) protection.Verdict {
	return protection.Compare(origin, here, p.Rules(document, r))
}

// Sentences are the reasons of a verdict in words for people, and what could not be
// told.
func Sentences(v protection.Verdict) (deficits []string, problem string) {
	for _, d := range v.Deficits {
		deficits = append(deficits, d.Text)
	}
	if v.More > 0 {
		deficits = append(deficits, fmt.Sprintf("and %d more", v.More))
	}
	if len(v.Unknown) > 0 {
		problem = v.Unknown[0].Text
		if more := len(v.Unknown) - 1; more > 0 {
			problem += fmt.Sprintf(", and %d more", more)
		}
	}
	return deficits, problem
}
