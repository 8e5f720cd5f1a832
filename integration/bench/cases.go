package main

import (
	"context"
	"fmt"
	"time"
)

// benchCase is one kind of work.
type benchCase struct {
	// name is what -cases matches; what is a sentence for readers.
	name, what string
	// unit is what the rate counts a second, each what processor time is
	// divided by.
	unit, each string
	// goal is what Sluice is held to; nil where nothing was promised.
	goal *goal
	// memory says what of memory is of interest besides the peak.
	memory memoryKind
	// rounds, if not 0, is the most that are run of a long case.
	rounds int
	// fresh cases have every proxy started anew for every turn.
	fresh bool
	// needsRows cases read the table that COPY moves.
	needsRows bool
	// needsPeople cases read the table whose COPY is masked.
	needsPeople bool
	// policies are those with which Sluice takes turns beside the usual one.
	// Where there are any, the other proxies take none.
	policies []string
	// prepare runs before every turn, outside the measurement.
	prepare []string
	run     func(ctx context.Context, s *stage, w *way) (work, error)
}

// memoryKind is how the growth of a proxy's memory is read; zero is not at all.
type memoryKind int

const (
	// overIdle is the peak less what was resident before.
	overIdle memoryKind = iota + 1
	// perSession is what idle sessions hold, for each of them.
	perSession
)

// work is what one turn did.
type work struct {
	// rate is in the case's unit.
	rate float64
	// cpu is the proxy's processor time for count pieces of work.
	cpu   time.Duration
	count float64
	// held is resident memory in bytes while all idle sessions are open.
	held int64
}

// chosen are the cases that the options ask for.
func chosen(all []benchCase, o *options) []benchCase {
	var out []benchCase
	for _, c := range all {
		if o.cases.MatchString(c.name) {
			out = append(out, c)
		}
	}
	return out
}

// allCases are all there are, in the order in which they run.
func allCases(o *options) []benchCase {
	var cases []benchCase
	for _, clients := range []int{1, 8, 64} {
		for _, mode := range []string{"simple", "extended", "prepared"} {
			c := benchCase{name: fmt.Sprintf("select-%s-%d", mode, clients), unit: "tps", each: "transaction"}
			c.what = fmt.Sprintf("pgbench -M %s with %s: one row by its key, as -S does at scale 1", mode, clientCount(clients))
			c.run = selects(plaintext, mode, clients)
			if clients > 1 {
				c.goal = likePgBouncer
			}
			cases = append(cases, c)
		}
	}
	cases = append(cases, tpcb(), cold(), connects("connect-8", false))
	cases = append(cases, copyCases(o)...)
	cases = append(cases, maskCases(o)...)
	cases = append(cases, nameCases()...)
	return append(cases, idleSessions(o), secureSelect("simple"), secureSelect("prepared"), connects("connect-8-tls", true))
}

func clientCount(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}

func tpcb() benchCase {
	c := pgbenchCase("tpcb-8", "-c", "8")
	c.what = "pgbench's TPC-B-like transaction of seven statements with 8 clients"
	c.goal = likePgBouncer
	c.prepare = []string{"VACUUM pgbench_branches, pgbench_tellers", "TRUNCATE pgbench_history"}
	return c
}

// coldScript has a new name in every text, so that nothing learnt from one
// statement answers for the next.
const coldScript = `\set n random(1, 2000000000)
\set aid random(1, 100000 * :scale)
SELECT abalance AS c:n FROM pgbench_accounts AS t:n WHERE aid = :aid;
`

func cold() benchCase {
	c := pgbenchCase("cold-8", "-M", "simple", "-c", "8")
	c.what = "8 clients select a row by its key; every statement has aliases nobody saw before"
	c.run = func(ctx context.Context, s *stage, w *way) (work, error) {
		script, err := s.script("cold.sql", coldScript)
		if err != nil {
			return work{}, err
		}
		return s.pgbench(ctx, w, transport{}, "-M", "simple", "-c", "8", "-f", script, "-D", fmt.Sprintf("scale=%d", s.options.sizes.scale))
	}
	return c
}

func secureSelect(mode string) benchCase {
	c := benchCase{
		name: "select-" + mode + "-8-tls", unit: "tps", each: "transaction",
		what: "pgbench -M " + mode + " with 8 clients that come with TLS",
	}
	c.run = selects((*stage).secure, mode, 8)
	return c
}

// keysScript is pgbench's -S for the first 100,000 rows of a larger table. A
// server process pays for every page that it touches first; with few pages
// that is over in a moment, and the proxies are what is measured.
const keysScript = `\set aid random(1, 100000)
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
`

func plaintext(*stage) transport { return transport{} }

func selects(by func(*stage) transport, mode string, clients int) func(context.Context, *stage, *way) (work, error) {
	return func(ctx context.Context, s *stage, w *way) (work, error) {
		script, err := s.script("keys.sql", keysScript)
		if err != nil {
			return work{}, err
		}
		return s.pgbench(ctx, w, by(s), "-f", script, "-M", mode, "-c", fmt.Sprint(clients))
	}
}

func connects(name string, secure bool) benchCase {
	c := benchCase{name: name, unit: "connects/s", each: "connect", what: "pgbench -C -S with 8 clients: log in, select a row, leave"}
	if secure {
		c.what += "; with TLS"
	}
	c.run = func(ctx context.Context, s *stage, w *way) (work, error) {
		t := transport{}
		if secure {
			t = s.secure()
		}
		return s.pgbench(ctx, w, t, "-S", "-C", "-M", "simple", "-c", "8")
	}
	return c
}

func pgbenchCase(name string, args ...string) benchCase {
	return benchCase{
		name: name, unit: "tps", each: "transaction",
		run: func(ctx context.Context, s *stage, w *way) (work, error) {
			return s.pgbench(ctx, w, transport{}, args...)
		},
	}
}

// secure is the transport of clients that come with TLS.
func (s *stage) secure() transport { return transport{tls: true, caFile: s.server.CAFile} }
