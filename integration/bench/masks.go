package main

import (
	"context"
	"fmt"
	"slices"
)

// The table whose COPY is masked or counted has twelve columns, and is about as
// wide as one of customers is.
const (
	createPeople = `CREATE UNLOGGED TABLE bench_people (id int, email text, name text, token text, born date, made timestamptz,
		city text, height int, ssid text, mac macaddr, plan text, active bool)`
	insertPeople = `INSERT INTO bench_people SELECT i, 'user' || i || '@example.com', 'Name ' || md5(i::text), md5(i::text),
		date '1940-01-01' + i %% 25000, timestamptz '2020-01-01 00:00:00+00' + i * interval '1 second', 'City ' || i %% 1000,
		140 + i %% 60, 'wifi-' || i %% 5000, '08:00:2b:01:02:03', 'free', i %% 3 = 0 FROM generate_series(1, %d) i`
	// peopleShare is how many rows of the table that COPY moves there are for
	// each of this one.
	peopleShare = 4
)

// people is how many rows there are to mask.
func people(o *options) int { return o.sizes.rows / peopleShare }

// maskCases hold COPY under a policy that masks against the same COPY under the
// usual policy, which samples what it gives no class, and does no more; and COPY
// under that one, and one that counts as well, against COPY under a policy that does
// nothing with rows.
func maskCases(o *options) []benchCase {
	copied := func(name, what string, f format, g *goal, policies ...string) benchCase {
		return benchCase{
			name: name, unit: "rows/s", each: "1,000 rows", needsPeople: true, policies: policies, goal: g,
			what: fmt.Sprintf("COPY TO STDOUT of %d rows of 12 columns, %s, %s", people(o), f.name, what),
			run:  copyPeople(f),
		}
	}
	masked := func(name, what, policy string, f format, g *goal) benchCase {
		return copied(name, "with "+what, f, g, policy)
	}
	counted := func(name string, f format) benchCase {
		return copied(name, "with rows, bytes and subjects counted for budgets of 2 classes, and rows sampled", f, ofPlain(0.97), policyPlain, policyCounted)
	}
	return []benchCase{
		masked("copy-static", "NULL and a constant in the place of 2 columns", policyStatic, textFormat, ofUsual(0.95, false)),
		masked("copy-coarse", "a text kept in part, a date to the year and a number to the ten", policyCoarse, textFormat, nil),
		masked("copy-keyed-text", "keyed pseudonyms for 2 columns", policyKeyed, textFormat, ofUsual(0.9, true)),
		masked("copy-keyed-binary", "keyed pseudonyms for 2 columns", policyKeyed, binaryFormat, ofUsual(0.9, true)),
		counted("copy-counted", textFormat),
		counted("copy-counted-binary", binaryFormat),
	}
}

// copyPeople copies the table. Masks make rows longer or shorter, so that rows
// are what can be compared.
func copyPeople(f format) func(context.Context, *stage, *way) (work, error) {
	return func(ctx context.Context, s *stage, w *way) (work, error) {
		n := people(s.options)
		moved, err := s.receive(ctx, w, transport{}, 1, "COPY public.bench_people TO STDOUT"+f.options, "COPY", n)
		if err != nil {
			return work{}, err
		}
		seconds := moved.count / moved.rate
		return work{rate: float64(n) / seconds, cpu: moved.cpu, count: float64(n) / 1000}, nil
	}
}

// fillPeople makes the table if a case needs it.
func (s *stage) fillPeople(ctx context.Context, cases []benchCase) error {
	if !slices.ContainsFunc(cases, func(c benchCase) bool { return c.needsPeople }) {
		return nil
	}
	return s.admin(ctx, createPeople, fmt.Sprintf(insertPeople, people(s.options)),
		"CREATE INDEX ON bench_people (id)", "VACUUM (FREEZE, ANALYZE) bench_people")
}
