package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// greetStranger takes a connection through start-up and login, within the
// start-up limit. It returns nil if no session came of it; the client has
// been told.
func (s *Server) greetStranger(ctx context.Context, l *listener, nc net.Conn, log *slog.Logger) *session {
	deadline := time.Now().Add(s.config.Limits.Startup)
	if err := nc.SetDeadline(deadline); err != nil {
		return nil
	}
	ctx, done := context.WithDeadline(ctx, deadline)
	defer done()
	uncut := s.cutWithStrangers(nc)
	defer uncut()
	from, err := l.originOf(nc)
	log = from.names(log)
	if err != nil {
		s.noSession(err)
		sayWhyNot(log, err)
		return nil
	}
	a, err := l.admit(ctx, wire.NewConn(nc, wire.Client), from)
	if err != nil {
		s.noSession(err)
	}
	if e, ok := asStartupError(err); ok && a != nil {
		log.Info("start-up refused", "err", err)
		sendFatal(a.conn, e)
		return nil
	}
	if err != nil {
		sayWhyNot(log, err)
		return nil
	}
	if a.cancel != nil {
		s.cancel(ctx, nc, a.cancel)
		return nil
	}
	session, err := s.login(ctx, l, a)
	if errors.Is(err, identity.ErrDiscovery) {
		log.Debug("client asked where to get a token", "user", a.startup.user, "database", a.startup.database)
		return nil
	}
	if err != nil {
		s.noSession(err)
		log.Info("login failed", "user", a.startup.user, "database", a.startup.database, "err", err)
		return nil
	}
	session.log = log
	if !uncut() || nc.SetDeadline(time.Time{}) != nil {
		s.live.Add(-1)
		return nil
	}
	return session
}

// sayWhyNot logs why no session came of a connection, if that is worth a
// word.
func sayWhyNot(log *slog.Logger, err error) {
	if !errors.Is(err, errQuiet) {
		log.Info("start-up failed", "err", err)
	}
}

// login negotiates, authenticates and finds the database. The client has
// been told about every error.
func (s *Server) login(ctx context.Context, l *listener, a *admission) (*session, error) {
	if err := negotiate(a.conn, a.startup); err != nil {
		return nil, err
	}
	if e := s.stopping(l); e != nil {
		sendFatal(a.conn, e)
		return nil, e
	}
	id, err := s.authenticate(ctx, a)
	if err != nil {
		return nil, s.refuseLogin(ctx, a, err)
	}
	d, ok := s.databases[a.startup.database]
	if !ok {
		e := &startupError{"3D000", "sluice: database " + quote.Identifier(a.startup.database) + " does not exist here", "Ask for one of the databases that Sluice serves."}
		sendFatal(a.conn, e)
		return nil, e
	}
	if e := s.takePlace(); e != nil {
		sendFatal(a.conn, e)
		return nil, e
	}
	if err := a.conn.WriteMessage(&pgproto3.AuthenticationOk{}); err != nil {
		s.live.Add(-1)
		return nil, err
	}
	return &session{
		server: s, log: s.log, id: newID() + newID(), identity: id, startup: a.startup, database: d,
		address: a.from.client.String(), via: a.from.viaText(), client: a.conn, lost: make(chan error, 1),
	}, nil
}

// takePlace counts a session in, or says why there is no place for it.
func (s *Server) takePlace() *startupError {
	if limit := s.config.Limits.Connections; int(s.live.Add(1)) > limit {
		s.live.Add(-1)
		return &startupError{"53300", fmt.Sprintf("sluice: all %d sessions are taken", limit), "Close sessions you do not need, or try again later."}
	}
	return nil
}

// refuseLogin tells the client what it may know and records the rest.
func (s *Server) refuseLogin(ctx context.Context, a *admission, err error) error {
	var f *identity.Failure
	if !errors.As(err, &f) {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// What PostgreSQL says then.
			_ = a.conn.SetWriteDeadline(time.Now().Add(farewell))
			sendFatal(a.conn, &startupError{sqlstate: "57014", message: "sluice: the login took longer than " + s.config.Limits.Startup.String()})
		}
		if errors.Is(err, wire.ErrProtocol) {
			sendFatal(a.conn, &startupError{sqlstate: "08P01", message: "sluice: " + wire.ErrProtocol.Error()})
		}
		if errors.Is(err, wire.ErrTooLarge) {
			sendFatal(a.conn, &startupError{sqlstate: "08P01", message: "sluice: the login message is longer than this login method takes"})
		}
		return err
	}
	sendFatal(a.conn, &startupError{f.Code, f.Message, f.Hint})
	if errors.Is(err, identity.ErrDiscovery) {
		return err // no failed login
	}
	body := map[string]string{
		"user": a.startup.user, "database": a.startup.database,
		"address": a.from.client.String(), "sqlstate": f.Code,
	}
	if via := a.from.viaText(); via != "" {
		body["via"] = via
	}
	if e := s.recorder.Enqueue(audit.Event{Time: s.now(), Type: "login.failed", Body: body}); e != nil {
		s.log.Error("failed login not recorded", "err", e)
	}
	return err
}
