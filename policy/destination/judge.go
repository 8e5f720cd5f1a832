package destination

import (
	"fmt"
	"time"
)

// Judge lists by what a place stays below a floor, the worst first. An empty
// list means that everything the floor demands was measured and found.
func Judge(floor Floor, m *Measurement, with Demands) []Deficit {
	j := &judge{floor: floor, m: m, with: with}
	if len(floor.Sources) > 0 {
		measured := *m
		measured.Sources = floor.Sources
		j.m = &measured
	}
	j.doors = j.m.Doors()
	if err := floor.Check(); err != nil {
		j.unknown(CodeFloor, "What the floor demands", err.Error(), "Repair the policy.")
	}
	j.measured()
	j.transport()
	j.identity()
	j.authentication()
	j.replication()
	if m.Inside != nil {
		j.rights()
		j.roles()
		j.server()
		j.logs()
		j.onward()
		j.code()
	}
	j.atRest()
	return j.sorted()
}

// judge is one judgement.
type judge struct {
	deficits
	floor Floor
	m     *Measurement
	with  Demands
	doors *Doors
}

// asksInside reports whether the floor demands something that only the server
// itself can tell: also what it does to clients from where nobody knocked.
func (f *Floor) asksInside() bool {
	return f.TLS == TLSRequired || f.TLS == TLSIsProven || f.Replication != "" || f.Authentication != "" || f.Local != "" || f.Public != "" || f.Unmapped != "" || f.Privileged != "" ||
		f.SoftRowFilters != "" || f.MinimumVersion != 0 || f.Logs != "" || f.Audit != "" || f.OnwardCopies != "" ||
		f.Code != "" || f.SystemIdentifier != "" || f.AtRest != ""
}

// asksOutside reports whether the floor demands something that only a knock
// can tell.
func (f *Floor) asksOutside() bool {
	return f.TLS != "" || f.MinimumTLS != "" || f.CertificateMargin != 0 || len(f.Keys) > 0 ||
		f.Authentication != "" || f.Replication != "" || f.AtRest != ""
}

// measured looks at whether there are measurements at all, and how old.
func (j *judge) measured() {
	if j.m.Inside == nil && j.floor.asksInside() {
		why := j.m.InsideProblem
		if why == "" {
			why = "nobody asked it"
		}
		j.unknown(CodeNotMeasured, "What the server says of itself", why, fixSetup)
	}
	reached := false
	for _, o := range j.m.Outside {
		reached = reached || o.Reachable
		for _, p := range o.Problems {
			if j.floor.asksOutside() {
				j.unknown(CodeNotMeasured, "A part of what strangers meet", Clean(p), fixReach)
			}
		}
		j.fresh("The measurement from outside", o.MeasuredAt)
	}
	if !reached && j.floor.asksOutside() {
		j.unknown(CodeNotMeasured, "What strangers meet", "no knock was answered", fixReach)
	}
	if j.m.Inside != nil {
		j.fresh("What the server says of itself", j.m.Inside.MeasuredAt)
	}
}

// fresh compares the age of a measurement with the floor. One of the future
// was made by another clock, so its age is not known.
func (j *judge) fresh(what string, at time.Time) {
	if j.floor.MaximumAge == 0 {
		return
	}
	const skew = time.Minute
	if age := j.with.Now.Sub(at); age > j.floor.MaximumAge || age < -skew {
		j.add(CodeStale, High, fmt.Sprintf("%s is of %s, and may be %s old at most.", what, at.UTC().Format(time.RFC3339), j.floor.MaximumAge),
			"Measure again.", "measured at "+at.UTC().Format(time.RFC3339))
	}
}

// identity looks at whether the right server answered.
func (j *judge) identity() {
	want := j.floor.SystemIdentifier
	if j.m.Inside == nil {
		return
	}
	id := j.m.Inside.SystemIdentifier
	switch {
	case want != "" && !id.Known:
		j.unknown(CodeWrongSystem, "Which cluster answers", id.Evidence, fixSetup)
	case want != "" && id.Value != want:
		j.add(CodeWrongSystem, Critical,
			fmt.Sprintf("Another cluster answers: its system identifier is %s, and the policy names %s.", Clean(id.Value), want),
			"Find out where the name leads to. If the place was made anew, have it approved with its new system identifier.",
			"pg_control_system(): "+Clean(id.Value))
	case id.Known && j.with.SourceSystem != "" && id.Value == j.with.SourceSystem:
		j.add(CodeClone, High,
			"It is a physical clone of the source: its system identifier is the same, so all of the source's data is there.",
			"Hold every relation of the source against this place, or name a place that was made with initdb.",
			"pg_control_system(): "+Clean(id.Value))
	}
	if j.floor.TLS == TLSRequired || j.floor.TLS == TLSIsProven {
		v := j.m.Inside.Vantage
		if v.TLS == "" && v.ServerAddress != "" {
			j.add(CodeInsidePlain, High, "What the server says of itself came without TLS, so anybody on the way could have said it.",
				"Give the probe's connection sslmode=verify-full with the policy's authority.", "pg_stat_ssl: no TLS")
		}
	}
}
