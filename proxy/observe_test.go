package proxy

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/wire"
)

func TestLoginFailure(t *testing.T) {
	for want, err := range map[string]error{
		"password":            fmt.Errorf("x: %w", &identity.Failure{Code: "28P01"}),
		"not admitted":        &identity.Failure{Code: "28000"},
		"token provider away": &identity.Failure{Code: "28000", Cause: identity.ErrProvider},
		"unknown database":    &startupError{sqlstate: "3D000"},
		"no place":            &startupError{sqlstate: "53300"},
		"proxy stopping":      &startupError{sqlstate: "57P01"},
		"not recorded":        &startupError{sqlstate: "58000"},
		"start-up refused":    refuseStartup("42501", "", "no"),
		"protocol violation":  fmt.Errorf("x: %w", wire.ErrProtocol),
		"client left":         &wire.SideError{Side: wire.Client, Err: errors.New("reset")},
		"other":               errors.New("alice"),
	} {
		if got := loginFailure(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// What a session has moved stays counted when it is gone.
func TestStateCountsSessionsThatAreGone(t *testing.T) {
	d := &database{config: Database{Name: "shop"}}
	s := &Server{config: &Config{}, databases: map[string]*database{"shop": d}, cancels: newCancelKeys()}
	s.mu.sessions, s.mu.ended = map[*session]uint32{}, map[string]Traffic{}
	ends := time.Now().Add(time.Hour)
	for range 2 {
		one := &session{database: d, lease: &credential.Lease{Expires: ends}}
		one.bytesIn.Store(1)
		one.bytesOut.Store(10)
		one.rows.Store(100)
		s.track(one, 0)
		if st := s.State(); st.Sessions != 1 || st.Traffic["shop"].Sessions != 1 || !st.NextLeaseEnd.Equal(ends) {
			t.Errorf("while it runs: %+v", st)
		}
		s.untrack(one)
		s.untrack(one) // counts once
	}
	want := Traffic{In: 2, Out: 20, Rows: 200}
	if st := s.State(); st.Traffic["shop"] != want || st.Sessions != 0 || !st.NextLeaseEnd.IsZero() || st.Draining {
		t.Errorf("afterwards: %+v", st)
	}
}
