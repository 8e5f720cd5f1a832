package main

import (
	"fmt"
	"slices"
	"strings"
)

// goal is what Sluice is held to in a case.
type goal struct {
	// text says it to readers.
	text string
	// judge compares a way with the others. It returns what was found, and
	// how it stands; an empty finding means that a way it needs is missing.
	judge func(way wayResult, others []wayResult) (found string, stands standing)
}

// standing is how a result stands to its goal.
type standing string

const (
	met    standing = "met"
	notMet standing = "not met"
	// notDone is so far below the goal that the work is not finished.
	notDone standing = "not done"
)

// verdict is a goal with what was found, for one way.
type verdict struct {
	Way      string   `json:"way"`
	Goal     string   `json:"goal"`
	Found    string   `json:"found"`
	Standing standing `json:"standing"`
}

var likePgBouncer = &goal{
	text: "at least 0.90 of PgBouncer (below 0.75: not done)",
	judge: func(way wayResult, others []wayResult) (string, standing) {
		pgbouncer := named(others, wayPgBouncer)
		if pgbouncer == nil {
			return "", ""
		}
		r := ratio(way, *pgbouncer)
		found := fmt.Sprintf("%.2f of PgBouncer", r)
		switch {
		case r >= 0.9:
			return found, met
		case r >= 0.75:
			return found, notMet
		default:
			return found, notDone
		}
	},
}

var likeDirect = &goal{
	text: "at least HAProxy's speed, and 0.95 of direct",
	judge: func(way wayResult, others []wayResult) (string, standing) {
		haproxy, direct := named(others, wayHAProxy), named(others, wayDirect)
		if haproxy == nil || direct == nil {
			return "", ""
		}
		toHAProxy, toDirect := ratio(way, *haproxy), ratio(way, *direct)
		return fmt.Sprintf("%.2f of HAProxy, %.2f of direct", toHAProxy, toDirect), metIf(toHAProxy >= 1 && toDirect >= 0.95)
	},
}

// ofUsual is for Sluice under a policy of its own, beside Sluice under the usual
// one, and beside no proxy if that is asked for.
func ofUsual(least float64, direct bool) *goal {
	g := &goal{text: fmt.Sprintf("at least %.2f of the speed under the usual policy", least)}
	if direct {
		g.text += ", and of direct"
	}
	g.judge = func(way wayResult, others []wayResult) (string, standing) {
		build, _, own := strings.Cut(way.Name, policyMark)
		usual, none := named(others, build), named(others, wayDirect)
		if !own || usual == nil || direct && none == nil {
			return "", ""
		}
		r := ratio(way, *usual)
		found, reached := fmt.Sprintf("%.2f of the usual policy", r), r >= least
		if direct {
			r := ratio(way, *none)
			found, reached = found+fmt.Sprintf(", %.2f of direct", r), reached && r >= least
		}
		return found, metIf(reached)
	}
	return g
}

// ofPlain is for Sluice under a policy with classes beside one that knows of none.
func ofPlain(least float64) *goal {
	return &goal{
		text: fmt.Sprintf("at least %.2f of the speed under a policy that knows of no classes", least),
		judge: func(way wayResult, others []wayResult) (string, standing) {
			build, _, _ := strings.Cut(way.Name, policyMark)
			plain := named(others, build+policyMark+policyPlain)
			if plain == nil || plain.Name == way.Name {
				return "", ""
			}
			r := ratio(way, *plain)
			return fmt.Sprintf("%.3f of a policy without classes", r), metIf(r >= least)
		},
	}
}

var littleMemory = &goal{
	text: "peak at most 64 MiB over idle",
	judge: func(way wayResult, _ []wayResult) (string, standing) {
		return fmt.Sprintf("%.1f MiB over idle", mebibytes(way.Growth)), metIf(way.Growth <= 64<<20)
	},
}

var lightSessions = &goal{
	text: "at most 48 KiB per idle session",
	judge: func(way wayResult, _ []wayResult) (string, standing) {
		return fmt.Sprintf("%.1f KiB per session", kibibytes(way.Growth)), metIf(way.Growth <= 48<<10)
	},
}

func metIf(reached bool) standing {
	if reached {
		return met
	}
	return notMet
}

// judged is a case's result with its verdicts.
func judged(c benchCase, ways []wayResult) caseResult {
	r := caseResult{Name: c.name, What: c.what, Unit: c.unit, Each: c.each, Ways: ways, memory: c.memory}
	if c.goal == nil {
		return r
	}
	for _, w := range ways {
		if !w.sluice {
			continue
		}
		if found, stands := c.goal.judge(w, ways); found != "" {
			r.Goals = append(r.Goals, verdict{w.Name, c.goal.text, found, stands})
		}
	}
	return r
}

// named is the way of a name, nil if it took no part.
func named(ways []wayResult, name string) *wayResult {
	if i := slices.IndexFunc(ways, func(w wayResult) bool { return strings.EqualFold(w.Name, name) }); i >= 0 {
		return &ways[i]
	}
	return nil
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

func kibibytes(n int64) float64 { return float64(n) / (1 << 10) }
