package protection

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Entry is the weakest way by which somebody gets in, in tenths as package
// proxy/probe counts: authentication from 0 (no credential) over 40 (SCRAM) to
// 100 (not at all), transport from 0 (plaintext) over 5 (TLS of an unknown
// server) to 10 (TLS of a verified one).
type Entry struct {
	Authentication, Transport int
	// Known is false if it was not measured.
	Known bool
}

// The best grades there are.
const (
	NoEntry      = 100
	VerifiedTLS  = 10
	strongest    = 50 // a certificate or GSS
	mostOfGrades = 100
)

// Fact is that people of a subject read a column.
type Fact struct {
	// Subject is a name of the policy, AnyoneName, SubscribersName, or
	// "UNMAPPED:" and the name of a role.
	Subject string `json:"subject"`
	// Column is the column at the origin.
	Column string `json:"column"`
	// Masked is how strongly it is masked, 0 not at all.
	Masked int    `json:"masked,omitempty"`
	Scope  Scope  `json:"scope"`
	Effort Effort `json:"effort"`
	// Authentication and Transport are those of the Entry.
	Authentication int `json:"authentication"`
	Transport      int `json:"transport"`

	ways []way
}

// way is how a fact comes about, for explanations; it is not stored.
type way struct {
	reader *Reader
	at     *Relation
	server *Server
	column string // at the place
}

// Facts are what there is to say about the protection of a relation at one
// place, in canonical form: in order, and without what other facts cover.
type Facts struct {
	// Facts are what is known.
	Facts []Fact `json:"facts"`
	// Unknown is what is not.
	Unknown []Unknown `json:"unknown,omitempty"`
	// Conditions are the texts of the conditions in scopes, cut, by digest.
	Conditions map[string]string `json:"-"`
	// Ours are logins that were left out because they are the proxy's own.
	Ours []string `json:"-"`
	// Remarks are sentences worth reading that change no verdict.
	Remarks []string `json:"-"`
}

// Most facts and unknowns that are kept for one relation or read from storage.
const (
	mostFacts   = 200_000
	mostUnknown = 10_000
)

// covers reports whether a fact tells nothing beyond another: the same people
// read the same column no more easily.
func (f *Fact) covers(g *Fact) bool {
	return f.Subject == g.Subject && f.Column == g.Column && f.Masked <= g.Masked && f.Effort <= g.Effort &&
		f.Authentication <= g.Authentication && f.Transport <= g.Transport && (f.Scope.Soft || !g.Scope.Soft) && g.Scope.Within(f.Scope, nil)
}

func compareFacts(a, b Fact) int {
	return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Masked, b.Masked),
		cmp.Compare(a.Effort, b.Effort), b.Scope.compare(a.Scope), cmp.Compare(a.Authentication, b.Authentication), cmp.Compare(a.Transport, b.Transport))
}

// canonical puts facts in order and leaves out what others cover.
func canonical(facts []Fact) []Fact {
	slices.SortStableFunc(facts, compareFacts)
	kept := facts[:0:0]
	for from := 0; from < len(facts); {
		to := from
		for to < len(facts) && facts[to].Subject == facts[from].Subject && facts[to].Column == facts[from].Column {
			to++
		}
		kept = append(kept, uncovered(facts[from:to])...)
		from = to
	}
	return kept
}

// uncovered leaves out facts about one subject and column that others cover;
// of equal ones the first is kept.
func uncovered(group []Fact) []Fact {
	var kept []Fact
	for i := range group {
		covered := false
		for j := range group {
			if i != j && group[j].covers(&group[i]) && (j < i || !group[i].covers(&group[j])) {
				covered = true
				break
			}
		}
		if !covered {
			kept = append(kept, group[i])
		}
	}
	return kept
}

// Join puts facts about several relations together, as the source of a query
// that reads them all.
func Join(parts ...*Facts) *Facts {
	all := &Facts{Conditions: map[string]string{}}
	for _, p := range parts {
		all.Facts = append(all.Facts, p.Facts...)
		all.Unknown = append(all.Unknown, p.Unknown...)
		all.Ours = append(all.Ours, p.Ours...)
		maps.Copy(all.Conditions, p.Conditions)
		all.Remarks = append(all.Remarks, p.Remarks...)
	}
	all.settle()
	return all
}

// settle makes facts canonical.
func (f *Facts) settle() {
	f.Facts = canonical(f.Facts)
	slices.SortFunc(f.Unknown, compareUnknowns)
	f.Unknown = slices.CompactFunc(f.Unknown, func(a, b Unknown) bool { return compareUnknowns(a, b) == 0 })
	f.Ours, f.Remarks = sorted(f.Ours), sorted(f.Remarks)
}

// JSON is the canonical form: the same facts are always the same bytes.
func (f *Facts) JSON() ([]byte, error) {
	stored := Facts{Facts: f.Facts, Unknown: f.Unknown}
	if stored.Facts == nil {
		stored.Facts = []Fact{}
	}
	out, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("protection: %w", err)
	}
	return out, nil
}

// Digest is SHA-256 of the canonical form, in hexadecimal.
func (f *Facts) Digest() (string, error) {
	out, err := f.JSON()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(out)
	return hex.EncodeToString(sum[:]), nil
}

// ParseFacts reads the form of JSON. What is not canonical, or has fields that
// are not known, is an error.
func ParseFacts(data []byte) (*Facts, error) {
	f := &Facts{}
	if err := decodeStrictly(data, f); err != nil {
		return nil, err
	}
	if len(f.Facts) > mostFacts || len(f.Unknown) > mostUnknown {
		return nil, fmt.Errorf("protection: more than %d facts", mostFacts)
	}
	for i := range f.Facts {
		if err := f.Facts[i].check(); err != nil {
			return nil, err
		}
	}
	again, err := f.canonicalJSON()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, errors.New("protection: the facts are not in their canonical form")
	}
	return f, nil
}

func (f *Facts) canonicalJSON() ([]byte, error) {
	c := Facts{Facts: slices.Clone(f.Facts), Unknown: slices.Clone(f.Unknown)}
	c.settle()
	return c.JSON()
}

func (f *Fact) check() error {
	switch {
	case f.Subject == "" || f.Column == "":
		return errors.New("protection: a fact without subject or column")
	case f.Effort > BeneathSQL:
		return fmt.Errorf("protection: there is no effort %d", f.Effort)
	case f.Masked < 0 || f.Masked > mostOfGrades || f.Authentication < 0 || f.Authentication > mostOfGrades || f.Transport < 0 || f.Transport > mostOfGrades:
		return fmt.Errorf("protection: a grade is not from 0 to %d", mostOfGrades)
	}
	return nil
}

// decodeStrictly reads one JSON value and nothing behind it.
func decodeStrictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("protection: facts: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("protection: something follows the facts")
	}
	return nil
}
