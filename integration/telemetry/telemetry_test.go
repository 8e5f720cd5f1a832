package telemetry

import (
	"testing"
)

// What operators are told of one real run: numbers, traces, nothing private,
// and all that the dashboard asks for.
func TestWhatOperatorsAreTold(t *testing.T) {
	s := newStage(t)
	open := s.connect(t)
	s.play(t)
	s.collector.await(t, "sluice.session", 1)
	text := s.scrape(t)
	keep(t, "metrics.txt", text)
	t.Run("numbers while it runs", func(t *testing.T) { checkNumbers(t, parse(t, text)) })
	t.Run("dashboard", func(t *testing.T) { checkDashboard(t, parse(t, text)) })
	if err := open.Close(t.Context()); err != nil {
		t.Error(err)
	}
	s.collector.await(t, "sluice.session", 2)
	last := s.scrape(t)
	s.Stop(t) // sends what is left
	t.Run("numbers of the trail", func(t *testing.T) { checkTrail(t, s, parse(t, last)) })
	t.Run("trace", func(t *testing.T) { checkTrace(t, s) })
	t.Run("privacy", func(t *testing.T) { checkPrivacy(t, s, last) })
}
