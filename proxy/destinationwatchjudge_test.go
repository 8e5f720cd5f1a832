package proxy

import (
	"context"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy/measure"
)

// questions is a Querier that answers every question with nothing and keeps it.
type questions []string

func (q *questions) Query(_ context.Context, sql string, _ func([][]byte) error) error {
	*q = append(*q, sql)
	return nil
}

// A role is asked about under the name that it has.
func TestReactorIsAskedAboutByItsName(t *testing.T) {
	var asked questions
	j := &judging{place: &measure.Place{PlaceDef: policy.PlaceDef{Roles: policy.PlaceRoles{Owner: `own'er`, Reactor: `wächter\1`}}}}
	if err := j.lookUp(t.Context(), &asked, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`r.rolname =  E'wächter\\1' AND`, `o.rolname = 'own''er')`} {
		if last := asked[len(asked)-1]; !strings.Contains(last, want) {
			t.Errorf("%s is not in %s", want, last)
		}
	}
}
