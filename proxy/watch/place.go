package watch

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/destination"
)

// Place is one destination as the watch works with it.
type Place interface {
	// Name is that of the policy and the configuration.
	Name() string
	// Terms are what the policy in force says about it, and the digest of that
	// policy. The error is that the policy and the configuration do not speak of the
	// same place any more.
	Terms() (terms policy.PlaceDef, digest string, err error)
	// Ask has a question asked in one transaction that only reads, over a
	// connection that is kept. The error is ErrRefused if the server has answered
	// with one, ErrStopping if the proxy stops, anything else if there was no
	// answer.
	Ask(ctx context.Context, question func(context.Context, catalog.Querier) error) error
	// Knock tries the doors as a stranger, quickly. It never returns nil.
	Knock(ctx context.Context) *destination.Outside
	// Judge measures the place, from outside with every name if whole is true, and
	// holds it and the copies there against what the policy asks for and against
	// their origins. It never returns nil.
	Judge(ctx context.Context, copies []*ledger.Copy, whole bool) *Verdict
	// Logins are the proxy's own there.
	Logins() Logins
	// Act logs in with a lease for this, and takes it back.
	Act(ctx context.Context, as Part, work func(context.Context, catalog.Querier) error) error
	// Sweep removes what copies have left in staging that nobody works on any
	// more, and Outcome tells whether one was published.
	Sweep(ctx context.Context) (ids []string, err error)
	Outcome(ctx context.Context, id string) (published bool, err error)
}

// Part is as what the proxy logs in.
type Part uint8

// The parts.
const (
	// Carrier loads copies and renews their leases.
	Carrier Part = iota
	// Reactor closes and removes them.
	Reactor
)

// ErrRefused is wrapped by errors that the server has answered with, ErrStopping by
// what fails because the proxy stops.
var (
	ErrRefused  = errors.New("the server refuses")
	ErrStopping = errors.New("the proxy is stopping")
)

// ErrGone is returned for what was seen of a copy that is gone by now.
var ErrGone = errors.New("the copy is gone")

// Logins are those at a place of which the proxy has leases.
type Logins struct {
	// Live are they, with those that have ended a moment ago: who asks the server may
	// still see them.
	Live map[string]bool
	// Own is the one with which the watch asks, empty if there is none.
	Own string
	// Left is since when an earlier run, or a failure, may have left logins that
	// nobody has ended yet; zero if there are none.
	Left time.Time
	// Pending is since when logins may exist that are not yet, or not any more,
	// among Live: one is being issued, or an earlier run has left some. Zero if
	// there are none.
	Pending time.Time
}

// Book is where copies stand.
type Book interface {
	// Copies are those at a place that were not seen to be gone, the oldest first.
	Copies(place string) []*ledger.Copy
	// Measured is the last measurement of a place that was recorded, nil if none was.
	Measured(place string) *ledger.Measured
	// Note records an event, and changes the copies by it. The error is ErrGone if
	// the copy was removed or replaced meanwhile: what was seen of it is over.
	Note(ctx context.Context, body ledger.Body) error
}

// Verdict is what a measurement of a place found.
type Verdict struct {
	At time.Time
	// Terms is the digest of the policy by which was judged, see Place.Terms.
	Terms string
	// System and Key are the system identifier and the digest of the certificate's
	// key, empty if they are not known.
	System, Key string
	// Address and Database are where it was asked.
	Address, Database string
	// Inside and Outside are digests of what was seen; empty if nothing was.
	Inside, Outside string
	// Place is about the place itself, Copies about each copy.
	Place  Judgement
	Copies map[string]*Judgement
}

// Judgement is a part of a verdict. The zero value is that all is well.
type Judgement struct {
	// Severity is that of the worst of the deficits, empty without any.
	Severity ledger.Severity
	Deficits []ledger.Deficit
	// Unknown is what could not be told, in sentences.
	Unknown []string
	// Missing are relations that are not there, as schema.name.
	Missing []string
	// Thawed is true for a copy that is frozen by the ledger, and of which nothing
	// is hidden any more by what a freeze leaves there.
	Thawed bool
}

// severities are those of what is wrong: a place can be less protected and partly
// unknown.
func (j *Judgement) severities() (all []ledger.Severity) {
	if j.Severity != "" {
		all = append(all, j.Severity)
	}
	if len(j.Unknown) > 0 {
		all = append(all, ledger.SeverityUnknown)
	}
	return all
}

// worst is the worst of them, empty if all is well.
func (j *Judgement) worst() (w ledger.Severity) {
	for _, s := range j.severities() {
		w = Worse(w, s)
	}
	return w
}

// complete reports whether everything was known that a verdict is about.
func (v *Verdict) complete() bool {
	for _, j := range v.Copies {
		if len(j.Unknown) > 0 {
			return false
		}
	}
	return len(v.Place.Unknown) == 0
}

// Worse returns the worse of two severities.
func Worse(a, b ledger.Severity) ledger.Severity {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

var severities = []ledger.Severity{"", ledger.SeverityLatent, ledger.SeverityObject, ledger.SeverityUnknown, ledger.SeverityServer}

// rank orders severities by harm.
func rank(s ledger.Severity) int {
	for i, known := range severities {
		if s == known {
			return i
		}
	}
	return len(severities)
}

// open reports whether a severity means that somebody may read more than they may.
func open(s ledger.Severity) bool { return rank(s) > rank(ledger.SeverityLatent) }
