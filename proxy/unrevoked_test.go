package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// awayIssuer is an issuer whose database is away for some calls.
type awayIssuer struct {
	away               int
	ends, tries, ended int
}

var errAway = fmt.Errorf("the database is away: %w", context.DeadlineExceeded)

func (i *awayIssuer) Issue(context.Context, credential.Request) (*credential.Lease, error) {
	return nil, errAway
}

func (i *awayIssuer) End(context.Context, *credential.Lease) error {
	i.ends++
	if i.away--; i.away >= 0 {
		return errAway
	}
	i.ended++
	return nil
}

func (i *awayIssuer) EndLeft(context.Context) (int, error) {
	i.tries++
	if i.away--; i.away >= 0 {
		return 0, errAway
	}
	return 1, nil
}

// keptRecords are the types of the events that were recorded.
type keptRecords struct {
	Recorder
	types []string
}

func (k *keptRecords) Enqueue(e audit.Event) error {
	k.types = append(k.types, e.Type+" "+e.Session)
	return nil
}

func TestUnrevokedIsTriedUntilItIsGone(t *testing.T) {
	kept := &keptRecords{}
	s := &Server{recorder: kept, log: slog.New(slog.DiscardHandler), now: time.Now}
	away, well := &awayIssuer{away: 2}, &awayIssuer{}
	for _, l := range []unrevokedLease{
		{away, &credential.Lease{ID: "a"}, "first", ""},
		{away, &credential.Lease{ID: "b"}, "second", ""},
		{well, &credential.Lease{ID: "c"}, "third", ""},
	} {
		s.unrevoked.add(l)
	}
	s.unrevoked.doubt(away)
	// What is away is asked once a round, and holds nobody up.
	for round, want := range []struct{ ends, tries, records int }{{1, 0, 1}, {2, 0, 1}, {4, 1, 3}, {4, 1, 3}} {
		s.tryUnrevoked(t.Context())
		if away.ends != want.ends || away.tries != want.tries || len(kept.types) != want.records {
			t.Errorf("round %d: %+v, %q", round, away, kept.types)
		}
	}
	if well.ends != 1 || well.tries != 0 || away.ended != 2 {
		t.Errorf("%+v %+v", well, away)
	}
}

// refusing is an issuer that can end all leases but one.
type refusing struct{ awayIssuer }

func (i *refusing) End(ctx context.Context, l *credential.Lease) error {
	if l.ID == "a" {
		return errors.New("permission denied")
	}
	return i.awayIssuer.End(ctx, l)
}

// A lease that cannot be revoked keeps no other from it.
func TestUnrevokableHoldsNothingUp(t *testing.T) {
	kept := &keptRecords{}
	s := &Server{recorder: kept, log: slog.New(slog.DiscardHandler), now: time.Now}
	issuer := &refusing{}
	for _, id := range []string{"a", "b"} {
		s.unrevoked.add(unrevokedLease{issuer, &credential.Lease{ID: id}, id, ""})
	}
	s.tryUnrevoked(t.Context())
	left, _ := s.unrevoked.take()
	if len(left) != 1 || left[0].lease.ID != "a" || len(kept.types) != 1 || kept.types[0] != "credential.revoked b" {
		t.Errorf("%+v, %q", left, kept.types)
	}
}

func TestWhatIsLeftIsTriedAgain(t *testing.T) {
	s := &Server{recorder: &keptRecords{}, log: slog.New(slog.DiscardHandler), now: time.Now}
	issuer := &awayIssuer{away: 1}
	s.unrevoked.doubt(issuer)
	s.unrevoked.doubt(issuer)
	for _, want := range []int{1, 2, 2} {
		s.tryUnrevoked(t.Context())
		if issuer.tries != want {
			t.Errorf("%d tries, want %d", issuer.tries, want)
		}
	}
}

func TestOccasionally(t *testing.T) {
	var o occasional
	var said []int64
	say := func() { o.say(func(unsaid int64) { said = append(said, unsaid) }) }
	for range 4 {
		say()
	}
	o.next.Store(time.Now().Add(-time.Second).UnixNano())
	say()
	if len(said) != 2 || said[0] != 0 || said[1] != 3 {
		t.Errorf("said %d", said)
	}
	// A clock that was set back does not silence it.
	o.next.Store(time.Now().Add(time.Hour).UnixNano())
	say()
	if len(said) != 3 {
		t.Errorf("said %d", said)
	}
}
