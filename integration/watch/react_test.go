package watch

import (
	"testing"
	"time"
)

func TestFreeze(t *testing.T) {
	s := newStage(t, 15, usual)
	ids := s.carry(t, "people")
	s.well(t)
	began := time.Now()
	s.sql(t, "GRANT SELECT ON crm.people TO PUBLIC")
	drifted := s.first(t, began, 10*time.Second, "the drift", ofCopy("copy.drifted", ids["people"]))
	frozen := s.first(t, began, 10*time.Second, "the freeze", ofCopy("copy.frozen", ids["people"]))
	t.Logf("noticed after %s, frozen after %s", drifted.at.Sub(began), frozen.at.Sub(began))
	t.Logf("%+v", drifted.body)
	t.Logf("%+v", frozen.body)
	t.Logf("%+v", s.status(t))
}
