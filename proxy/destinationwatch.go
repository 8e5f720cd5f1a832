package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	posture "github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/proxy/measure"
	"github.com/sluice-pg/sluice/proxy/watch"
)

// openWatch makes the watch over the copies at all destinations. Without a ledger
// nobody knows where there are any.
func (s *Server) openWatch() error {
	var err error
	if s.alerts, err = newAlerts(s.config.Alerts, s.config.Instance, s.log, s.now); err != nil {
		return err
	}
	if s.ledger == nil {
		return nil
	}
	var places []watch.Place
	for _, d := range s.destinations {
		places = append(places, &watchedPlace{at: d})
	}
	s.watch = watch.New(watch.Options{Places: places, Book: copyBook{s}, Tell: s.alerts.tell, Log: s.log, Now: s.now})
	return nil
}

// watchCopies looks after copies until the context ends.
func (s *Server) watchCopies(ctx context.Context) {
	defer s.alerts.attend(ctx)()
	if s.watch != nil {
		s.watch.Run(ctx)
	}
}

// copyNoted tells the watch that something was recorded about copies, and where one is
// there from now on.
func (s *Server) copyNoted(body ledger.Body) {
	if s.watch == nil {
		return
	}
	place := ""
	if p, is := body.(*ledger.Published); is {
		if c := s.ledger.Copy(p.Copy); c != nil && c.Begun != nil {
			place = c.Begun.Destination.Place
		}
	}
	s.watch.Changed(place)
}

// blocked says why the destination is given no new copy, empty if it is.
func (d *destination) blocked() string {
	if d.server.watch == nil {
		return ""
	}
	return d.server.watch.Blocked(d.config.Name)
}

// WatchStatus is how the watch over copies is, nil if there is none.
func (s *Server) WatchStatus() *watch.Status {
	if s.watch == nil {
		return nil
	}
	status := s.watch.Status()
	return &status
}

// CopiesState is how the copies are that the proxy watches, and whether people can be
// told.
type CopiesState struct {
	// Watch is nil if nothing is watched.
	Watch *watch.Status
	// Sent counts alerts that the webhook took, Failed tries that it did not take, and
	// Lost alerts that were given up.
	Sent, Failed, Lost int64
}

// Copies may be called at any time.
func (s *Server) Copies() CopiesState {
	return CopiesState{Watch: s.WatchStatus(), Sent: s.alerts.sent.Load(), Failed: s.alerts.failed.Load(), Lost: s.alerts.lost.Load()}
}

// copyBook is the ledger as the watch uses it.
type copyBook struct{ server *Server }

// Copies implements watch.Book. A copy of which nobody knows where it is belongs to
// no place.
func (b copyBook) Copies(place string) []*ledger.Copy {
	all := b.server.ledger.Copies(ledger.Query{Place: place})
	return slices.DeleteFunc(all, func(c *ledger.Copy) bool { return c.Begun == nil || c.Begun.Destination.Place != place })
}

// Measured implements watch.Book.
func (b copyBook) Measured(place string) *ledger.Measured {
	if p := b.server.ledger.Place(place); p != nil {
		return p.Measured
	}
	return nil
}

// Note implements watch.Book.
func (b copyBook) Note(ctx context.Context, body ledger.Body) error {
	s := b.server
	s.noting.Lock()
	defer s.noting.Unlock()
	if c := s.ledger.Copy(ledger.CopyOf(body)); c != nil && c.Gone() {
		return watch.ErrGone
	}
	return s.noteLocked(ctx, "", "", body)
}

// watchedPlace is a destination as the watch works with it. Only its watcher uses it.
type watchedPlace struct {
	at *destination
	// last is what was measured last.
	last *measure.State
}

// Name implements watch.Place.
func (p *watchedPlace) Name() string { return p.at.config.Name }

// Terms implements watch.Place.
func (p *watchedPlace) Terms() (policy.PlaceDef, string, error) {
	document := p.at.server.policy.Load()
	place, err := p.at.place(document)
	if err != nil {
		return policy.PlaceDef{}, "", err
	}
	return place.PlaceDef, document.Digest(), nil
}

// lookTimeout bounds one look of the watch.
const lookTimeout = 5 * time.Second

// Ask implements watch.Place.
func (p *watchedPlace) Ask(ctx context.Context, question func(context.Context, catalog.Querier) error) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return inWatchWords(askReading(ctx, p.at.watching, question))
}

// ask is Ask for what may take longer.
func (p *watchedPlace) ask(ctx context.Context, question func(context.Context, catalog.Querier) error) error {
	return askReading(ctx, p.at.watching, question)
}

// inWatchWords tells a refusal from silence: a server that starts, stops or has no
// place for another connection says nothing about its protection.
func inWatchWords(err error) error {
	var refused *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errSideClosed):
		return fmt.Errorf("%w: %w", watch.ErrStopping, err)
	case errors.As(err, &refused) && !slices.Contains([]string{"57", "53", "08"}, refused.Code[:min(2, len(refused.Code))]):
		return fmt.Errorf("%w: %w", watch.ErrRefused, err)
	}
	return err
}

// Knock implements watch.Place.
func (p *watchedPlace) Knock(ctx context.Context) *posture.Outside {
	place, err := p.at.place(p.at.server.policy.Load())
	if err != nil {
		return &posture.Outside{MeasuredAt: p.at.server.now(), Problems: []string{err.Error()}}
	}
	return place.Knock(ctx)
}

// Logins implements watch.Place.
func (p *watchedPlace) Logins() watch.Logins {
	own := ""
	select {
	case p.at.watching.turn <- struct{}{}:
		if lease := p.at.watching.lease; lease != nil {
			own = lease.User
		}
		<-p.at.watching.turn
	default: // it is in use, and known the next time
	}
	return p.at.logins(own)
}

// sentence puts a deficit of a floor into one.
func sentence(d *posture.Deficit) string {
	text := strings.TrimSuffix(d.Sentence, ".")
	if d.Evidence != "" {
		text += " (" + d.Evidence + ")"
	}
	return text
}
