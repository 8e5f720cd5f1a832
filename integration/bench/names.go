package main

import (
	"context"
	"fmt"
)

// nameCases hold everyday statements under a policy that knows classes, for
// which their names are looked up, against the same under one that knows none.
func nameCases() []benchCase {
	var cases []benchCase
	for _, mode := range []string{"simple", "extended", "prepared"} {
		cases = append(cases, benchCase{
			name: "names-" + mode + "-8", unit: "tps", each: "transaction", policies: []string{policyPlain}, goal: ofPlain(0.95), rounds: 5,
			what: "pgbench -M " + mode + " with 8 clients, as select-" + mode + "-8, beside a policy that knows of no classes",
			run:  selects(plaintext, mode, 8),
		})
	}
	for _, mode := range []string{"simple", "prepared"} {
		cases = append(cases, benchCase{
			name: "select-masked-" + mode + "-8", unit: "tps", each: "transaction", needsPeople: true, policies: []string{policyKeyed}, rounds: 3,
			what: "pgbench -M " + mode + " with 8 clients: one row by its key, with keyed pseudonyms for 2 columns",
			run:  selectPeople(mode),
		})
	}
	return cases
}

// peopleScript selects what is masked under some policies.
const peopleScript = `\set id random(1, 10000)
SELECT id, email, ssid, plan FROM bench_people WHERE id = :id;
`

func selectPeople(mode string) func(context.Context, *stage, *way) (work, error) {
	return func(ctx context.Context, s *stage, w *way) (work, error) {
		script, err := s.script("people.sql", peopleScript)
		if err != nil {
			return work{}, err
		}
		return s.pgbench(ctx, w, transport{}, "-f", script, "-M", mode, "-c", fmt.Sprint(8))
	}
}
