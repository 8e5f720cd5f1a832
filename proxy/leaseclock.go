package proxy

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// leaseClock follows the term of a session's lease. In order:
//
//  1. Once it is known that the lease ends and will not be renewed, or it has
//     not been renewed long after it should have been, the client is told with
//     the next answer how long it has.
//  2. For the grace before the end the session ends when it is between two
//     transactions, so that nothing begins that cannot be finished.
//  3. At the end it is cut.
type leaseClock struct {
	session *session
	// grace and warning are how long before the end the second step begins,
	// and the first at the latest.
	grace, warning time.Duration
	timer          *time.Timer
	changed        <-chan struct{} // nil for a lease that does not change
	warned         time.Time       // the end the client was told of
}

// leaseWarning is how long before the grace a session is told, at the latest.
const leaseWarning = 5 * time.Minute

// newLeaseClock begins to follow a lease. Short ones have shorter steps: a lease is
// renewed when a third of it is left, and only what comes later is late.
func (s *session) newLeaseClock() *leaseClock {
	term, _ := termOf(s.lease)
	life := time.Until(term.Expires)
	grace := min(s.server.config.Limits.LeaseGrace, life/8)
	return &leaseClock{session: s, grace: grace, warning: grace + min(leaseWarning, life/8), timer: time.NewTimer(0)}
}

// termOf returns the term of a lease as it is now, and what is closed when it
// changes.
func termOf(l *credential.Lease) (credential.Term, <-chan struct{}) {
	if l.Life == nil {
		return credential.Term{Expires: l.Expires}, nil
	}
	return l.Life.Term()
}

// leaseEnd is when the session's lease ends, as known now.
func (s *session) leaseEnd() time.Time {
	term, _ := termOf(s.lease)
	return term.Expires
}

// look does what is due, and sets the timer to when it should be called again.
// The error says that the session ends.
func (c *leaseClock) look() error {
	term, changed := termOf(c.session.lease)
	c.changed = changed
	left := time.Until(term.Expires)
	c.warn(term, left)
	switch {
	case left <= 0, left <= c.grace && c.session.carrying.Load() == nil && c.session.pending.closeIfIdle():
		return &leaseEnded{term.Last}
	case left <= c.grace:
		c.timer.Reset(min(left, drainTick))
	case left <= c.warning:
		c.timer.Reset(left - c.grace)
	default:
		c.timer.Reset(left - c.warning)
	}
	return nil
}

// warn tells the client of the end, once for each that turns out.
func (c *leaseClock) warn(term credential.Term, left time.Duration) {
	certain := term.Last != nil || left <= c.warning
	switch {
	case certain && !c.warned.Equal(term.Expires):
		c.warned = term.Expires
		c.session.unasked.Store(leaseNotice(term, left-c.grace))
	case !certain && !c.warned.IsZero():
		c.warned = time.Time{}
		c.session.unasked.Store(notice("sluice: the session's credential was renewed; it goes on", ""))
	}
}

// leaseNotice says when a session will end.
func leaseNotice(term credential.Term, left time.Duration) *pgproto3.NoticeResponse {
	why := "its credential ends"
	if term.Last != nil {
		why += " and cannot be renewed"
	}
	hint := "Finish what is open, then connect again for a new one."
	if term.Last != nil {
		hint = term.Last.Error() + ". " + hint
	}
	return notice(fmt.Sprintf("sluice: this session ends %s, at %s, because %s", inTime(left), term.Expires.UTC().Format("15:04:05 UTC"), why), hint)
}

// inTime puts a span into words that fit its length.
func inTime(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("in %d seconds", int(d.Seconds()))
	}
	return fmt.Sprintf("in %d minutes", int(d.Minutes()))
}

func notice(message, hint string) *pgproto3.NoticeResponse {
	return &pgproto3.NoticeResponse{Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000", Message: message, Hint: hint}
}

// leaseEnded says that a lease has reached its end, and why it did not go on if
// that is known.
type leaseEnded struct{ last error }

func (e *leaseEnded) Error() string {
	if e.last != nil {
		return errLeaseEnded.Error() + ": " + e.last.Error()
	}
	return errLeaseEnded.Error()
}

// Unwrap returns errLeaseEnded.
func (e *leaseEnded) Unwrap() error { return errLeaseEnded }

// goodbye words the end for the client.
func (e *leaseEnded) goodbye() *startupError {
	hint := "Connect again for a new one."
	if e.last != nil {
		hint = e.last.Error() + ". " + hint
	}
	return &startupError{sqlstate: "57P01", message: "sluice: session ended: its credential has reached its end", hint: hint}
}
