package proxy

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// farewell bounds the last message to a client.
const farewell = 2 * time.Second

// sayGoodbye sends the FATAL that explains an end the client did not ask
// for, if a message may follow what was sent.
func (s *session) sayGoodbye(cause error) {
	defer s.client.Close()
	farewellFor := goodbye(cause)
	if farewellFor == nil || s.lastWords.Load() || !s.client.AtBoundary() {
		return
	}
	_ = s.client.SetWriteDeadline(time.Now().Add(farewell))
	sendFatal(s.client, farewellFor)
}

// sendFatal is best effort: a client that is gone cannot be told.
func sendFatal(c *wire.Conn, e *startupError) {
	r := &refusal{sqlstate: e.sqlstate, message: e.message, hint: e.hint}
	if c.WriteMessage(r.response("FATAL")) == nil {
		_ = c.Flush()
	}
}

// goodbye words an end for the client; nil if the client knows.
func goodbye(cause error) *startupError {
	var settings *settingsError
	var role *roleError
	var side *wire.SideError
	var ended *leaseEnded
	if e, ok := asStartupError(cause); ok {
		return e
	}
	switch {
	case cause == nil, errors.Is(cause, errTerminated):
		return nil
	case errors.As(cause, &settings):
		return &startupError{
			sqlstate: "42501",
			message:  "sluice: session ended: " + settings.Error() + ", and the database would read text in another way than Sluice",
			hint:     "Leave client_encoding at UTF8 and standard_conforming_strings on, also inside functions.",
		}
	case errors.As(cause, &ended):
		return ended.goodbye()
	case errors.As(cause, &role):
		return &startupError{
			sqlstate: "42501",
			message:  "sluice: session ended: " + role.Error(),
			hint:     "Connect again. Leave the role to Sluice, also inside functions; for other rights ask for another login.",
		}
	case errors.Is(cause, errStreamEnded):
		return &startupError{
			sqlstate: "42501", message: "sluice: session ended: the policy does not allow this stream of changes any more",
			hint: "Connect again to be told why; what was confirmed is kept by the slot.",
		}
	case errors.Is(cause, errTokenEnded):
		return &startupError{sqlstate: "57P01", message: "sluice: session ended: the token it was opened with has expired", hint: "Get a new token and connect again."}
	case errors.Is(cause, errDraining), errors.Is(cause, errClosed):
		return &startupError{sqlstate: "57P01", message: "sluice: the proxy is stopping", hint: "Connect again in a moment."}
	case errors.Is(cause, errIdle):
		return &startupError{sqlstate: "57P05", message: "sluice: session ended: it was idle for too long", hint: "Connect again."}
	case errors.As(cause, &side) && side.Side == wire.Client:
		return nil
	case errors.As(cause, &side) && isUnreachable(cause):
		return &startupError{sqlstate: "08006", message: "sluice: the database cannot be reached any more", hint: "Connect again; whether the last statement ran is not known."}
	case errors.As(cause, &side):
		return &startupError{sqlstate: "08006", message: "sluice: the database closed the connection", hint: "Connect again; the database's log has the cause."}
	case outOfDescriptors(cause):
		return noDescriptors()
	case errors.Is(cause, wire.ErrProtocol), errors.Is(cause, wire.ErrTooLarge):
		return &startupError{sqlstate: "08P01", message: "sluice: session ended: " + cause.Error()}
	}
	return &startupError{
		sqlstate: "58000", message: "sluice: session ended: an internal step failed, so nothing more may pass",
		hint: "Sluice's log has the cause.",
	}
}

// reason is the word for the trail. Behind a server's FATAL both sides hang up;
// which of them is noticed first means nothing.
func (s *session) reason(cause error) string {
	var side *wire.SideError
	if s.lastWords.Load() && errors.As(cause, &side) {
		return string(wire.Upstream) + " closed"
	}
	return reasonFor(cause)
}

// reasonFor is reason by the error alone.
func reasonFor(cause error) string {
	var settings *settingsError
	var role *roleError
	var side *wire.SideError
	_, refused := asStartupError(cause)
	switch {
	case cause == nil, errors.Is(cause, errTerminated):
		return "client terminated"
	case errors.Is(cause, errSetting):
		return "start-up setting refused"
	case errors.Is(cause, errOverLimit):
		return "limit reached"
	case errors.Is(cause, errNoLease):
		return "credential refused by the policy"
	case errors.Is(cause, errNotSetUp):
		return "no logins for replication"
	case errors.Is(cause, errNotIssued):
		return "no credential"
	case errors.Is(cause, errNotRecorded):
		return "not recorded"
	case refused:
		return "login upstream failed"
	case errors.As(cause, &settings):
		return "setting changed"
	case errors.As(cause, &role):
		return "role changed"
	case errors.Is(cause, errStreamEnded):
		return "stream not allowed any more"
	case errors.Is(cause, errLeaseEnded):
		return "lease ended"
	case errors.Is(cause, errTokenEnded):
		return "token expired"
	case errors.Is(cause, errDraining), errors.Is(cause, errClosed):
		return "proxy stopping"
	case errors.Is(cause, errIdle):
		return "idle limit"
	case errors.As(cause, &side) && isUnreachable(cause):
		return string(side.Side) + " unreachable"
	case errors.As(cause, &side) && errors.Is(cause, io.EOF), errors.Is(cause, net.ErrClosed):
		return string(side.Side) + " closed"
	case errors.As(cause, &side):
		return string(side.Side) + " failed"
	case errors.Is(cause, wire.ErrProtocol), errors.Is(cause, wire.ErrTooLarge):
		return "protocol violation"
	}
	return "internal error"
}
