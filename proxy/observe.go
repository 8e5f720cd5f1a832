package proxy

import (
	"errors"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// Observer is told what goes on, for metrics and traces. Its methods are
// called in the way of the client's messages: they return at once and never
// fail. There is none unless somebody looks; then nothing is called.
type Observer interface {
	// LoginFailed is told of a client that came to no session. The reason
	// is one of a few fixed words.
	LoginFailed(reason string)
	// Session is told of a session that begins.
	Session(SessionFacts) SessionObserver
}

// SessionObserver is told what one session does. Decided is called by the
// goroutine that reads from the client, Completed by the one that reads from
// the server, Ended after both.
type SessionObserver interface {
	// Decided is told of every decision that was put on record.
	Decided(*Asked)
	// Completed is told how something that was let pass ended.
	Completed(*Asked, Result)
	// Ended is told why the session ended, in one of a few fixed words.
	Ended(reason string)
}

// SessionFacts are what may be known of a session outside: not who it is.
type SessionFacts struct {
	// ID is the session's name in the trail.
	ID string
	// Database is its name in the configuration.
	Database string
	// Upstream is the host and Port the port of the server behind it.
	Upstream string
	Port     int
	// Method is how the client proved who it is, and TLS whether it came
	// with TLS.
	Method string
	TLS    bool
}

// Judged is what was decided. Texts that share a decision share it.
type Judged struct {
	Kind    statement.Kind
	Verdict policy.Verdict
	// Rule is the id of a rule, or builtin:NAME.
	Rule string
	// Summary is what the text does in a few words, such as
	// "SELECT public.users"; see summarize.
	Summary string
	// Shape is the digest of the text without its literals; empty if there
	// is no text.
	Shape string
	// Kept belongs to the observer, which may set it in Decided.
	Kept any
}

// Asked is one message that was judged.
type Asked struct {
	*Judged
	// ID is its request id in the trail.
	ID string
	// Road is how it came: startup, query, parse, bind, execute, function,
	// stream, unread.
	Road string
	// Arrived is when it had been read, Ready when the decision was on
	// record.
	Arrived, Ready time.Time
	// Traceparent is the client's trace context (W3C Trace Context, 3.2),
	// from a comment in the text; empty if there is none or nobody asked for
	// it.
	Traceparent string
}

// Result is how an execution ended.
type Result struct {
	// Started is when it was sent to the server, Ended when the server was
	// done with it.
	Started, Ended time.Time
	// SQLSTATE is empty if it went well. The server's code can choose it.
	SQLSTATE string
	// Rows and Bytes are what the client was sent.
	Rows, Bytes int64
	// Limited is true if a limit of the policy was reached.
	Limited bool
}

// observe begins to tell of this session, if somebody looks.
func (s *session) observe() {
	if o := s.server.observer; o != nil {
		s.observer = o.Session(SessionFacts{
			ID: s.id, Database: s.database.config.Name, Upstream: s.database.config.Upstream.Host,
			Port: s.database.config.Upstream.Port, Method: s.identity.Method, TLS: s.identity.TLS,
		})
	}
}

// arrival is the time at which a message that will be judged was read; zero
// if nobody looks.
func (s *session) arrival() (t time.Time) {
	if s.observer != nil {
		t = s.server.now()
	}
	return t
}

// observeDecision tells of a decision. What it returns belongs to what the
// message runs, for its result; it is nil if nobody looks. recording is the
// error of putting the decision on record: then nothing runs.
func (s *session) observeDecision(id, road string, arrived time.Time, made *decided, text string, a *statement.Analysis, recording error) *Asked {
	if s.observer == nil {
		return nil
	}
	if made.judged == nil {
		made.judged = judgedFrom(made, a)
	}
	asked := &Asked{Judged: made.judged, ID: id, Road: road, Arrived: arrived, Ready: s.server.now()}
	if recording != nil {
		asked.Judged = &Judged{Kind: made.kind, Verdict: policy.Deny, Rule: "builtin:trail", Summary: made.judged.Summary, Shape: made.judged.Shape}
	}
	if s.server.config.Telemetry.SQLCommenter {
		asked.Traceparent = traceparent(text)
	}
	s.observer.Decided(asked)
	return asked
}

func judgedFrom(made *decided, a *statement.Analysis) *Judged {
	j := &Judged{Kind: made.kind, Verdict: made.decision.Verdict, Rule: made.decision.Rule}
	if made.request != nil {
		shape := ""
		if a != nil {
			shape, j.Shape = a.Shape, a.ShapeDigest
		}
		j.Summary = summarize(shape, made.request.Statements)
	}
	return j
}

// observeResult tells how an execution ended.
func (s *session) observeResult(w *work, now time.Time, limited bool) {
	if s.observer != nil && w.asked != nil {
		s.observer.Completed(w.asked, Result{
			Started: w.started, Ended: now, SQLSTATE: w.sqlstate, Rows: w.rows, Bytes: w.bytes, Limited: limited,
		})
	}
}

// noSession tells of a client that came to no session.
func (s *Server) noSession(cause error) {
	if s.observer != nil && !errors.Is(cause, errQuiet) {
		s.observer.LoginFailed(loginFailure(cause))
	}
}

// loginFailure is the word for why there is no session. They are few, and none
// is the client's.
func loginFailure(cause error) string {
	var f *identity.Failure
	var side *wire.SideError
	code := ""
	if errors.Is(cause, identity.ErrProvider) {
		return "token provider away"
	}
	if errors.As(cause, &f) {
		code = f.Code
	} else if e, ok := asStartupError(cause); ok {
		code = e.sqlstate
	}
	switch code {
	case "28P01":
		return "password"
	case "28000":
		return "not admitted"
	case "3D000":
		return "unknown database"
	case "53300":
		return "no place"
	case "57P01":
		return "proxy stopping"
	case "58000":
		return "not recorded"
	}
	switch {
	case code != "":
		return "start-up refused"
	case errors.Is(cause, wire.ErrProtocol), errors.Is(cause, wire.ErrTooLarge), errors.Is(cause, wire.ErrEarlyBytes):
		return "protocol violation"
	case errors.As(cause, &side):
		return "client left"
	}
	return "other"
}
