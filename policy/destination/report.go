package destination

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is what a judgement comes to.
type Verdict string

// The verdicts. Refused is the zero value of a report as well: what was not
// judged is not fine.
const (
	Refused Verdict = "refused"
	Passed  Verdict = "passed"
)

// Report is all that is known about a place and by what it stays below its
// floor, for people and programs.
type Report struct {
	Place    string    `json:"place"`
	Verdict  Verdict   `json:"verdict"`
	JudgedAt time.Time `json:"judged_at"`
	// FactsDigest is Facts.Digest, and "" without facts.
	FactsDigest string    `json:"facts_digest,omitempty"`
	Floor       Floor     `json:"floor"`
	Deficits    []Deficit `json:"deficits"`
	// Ways are the ways in for those who count.
	Ways         []Entry        `json:"ways"`
	Attestations []*Attestation `json:"attestations,omitempty"`
	Measurement  *Measurement   `json:"measurement"`
}

// maxWays is how many ways in a report lists.
const maxWays = 50

// NewReport judges a place and puts everything together.
func NewReport(place string, floor Floor, m *Measurement, with Demands) *Report {
	r := &Report{
		Place: place, Verdict: Refused, JudgedAt: with.Now.UTC(), Floor: floor, Measurement: m,
		Attestations: with.Attestations,
		Deficits:     Judge(floor, m, with),
	}
	if len(r.Deficits) == 0 {
		r.Verdict = Passed
	}
	if r.Deficits == nil {
		r.Deficits = []Deficit{}
	}
	if m.Inside != nil {
		r.FactsDigest = m.Inside.Digest()
	}
	measured := *m
	if len(floor.Sources) > 0 {
		measured.Sources = floor.Sources
	}
	doors := measured.Doors()
	j := &judge{m: &measured, with: with}
	for _, name := range j.everybody() {
		if len(r.Ways) == maxWays {
			break
		}
		e := doors.Entry(name)
		if name == strangerName {
			e.Role = ""
		}
		r.Ways = append(r.Ways, e)
	}
	return r
}

// Sentence is the report in one line.
func (r *Report) Sentence() string {
	if r.Verdict == Passed {
		return r.Place + " keeps to its floor"
	}
	unknown := 0
	for _, d := range r.Deficits {
		if d.Unknown {
			unknown++
		}
	}
	worst := "it was not judged"
	if len(r.Deficits) > 0 {
		worst = strings.TrimSuffix(r.Deficits[0].Sentence, ".")
	}
	text := fmt.Sprintf("%s stays below its floor: %s", r.Place, worst)
	if n := len(r.Deficits); n > 1 {
		text += fmt.Sprintf(" (the worst of %d", n)
		if unknown > 0 {
			text += fmt.Sprintf(", of which %d could not be measured", unknown)
		}
		text += ")"
	}
	return text
}
