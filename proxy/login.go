package proxy

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// maxAuth bounds one message of a login, in bytes. maxTokenAuth is for messages
// that carry a token, with what stands around it.
// maxDrained is up to where one that is too long is read and thrown away: a
// connection that is closed with bytes unread takes the answer with it.
const (
	maxAuth      = 1024
	maxTokenAuth = identity.MaxToken + 256
	maxDrained   = 256 << 10
)

// authPeer is a client during its login. Its messages have at most limit
// bytes.
type authPeer struct {
	conn  *wire.Conn
	limit int
	// mayTry is asked once a message is there: many connections may have been
	// opened before the first of them failed.
	mayTry func() error
}

// SendAuth implements identity.Peer.
func (p authPeer) SendAuth(m pgproto3.BackendMessage) error {
	if err := p.conn.WriteMessage(m); err != nil {
		return err
	}
	return p.conn.Flush()
}

// ReceiveAuth implements identity.Peer.
func (p authPeer) ReceiveAuth() ([]byte, error) {
	h, err := p.conn.Next()
	if err != nil {
		return nil, err
	}
	if h.Type != 'p' {
		return nil, fmt.Errorf("%w: expected a password message, got %q", wire.ErrProtocol, h.Type)
	}
	body, err := p.conn.Body(p.limit)
	if errors.Is(err, wire.ErrTooLarge) && h.Len <= maxDrained {
		_ = p.conn.Discard() // the message is refused all the same
	}
	if err != nil {
		return nil, err
	}
	if err := p.mayTry(); err != nil {
		clear(body)
		return nil, err
	}
	return body, nil
}

// authenticate proves who the client is, by the first rule that matches.
func (s *Server) authenticate(ctx context.Context, a *admission) (identity.Identity, error) {
	addr := a.from.client
	user, database := a.startup.user, a.startup.database
	rule, ok := s.config.Auth.Match(database, user, addr, a.tls != nil)
	if !ok || rule.Method == identity.MethodReject {
		return identity.Identity{}, identity.NotAdmitted(database, user, addr, a.tls != nil)
	}
	if rule.Method == identity.MethodCertificate {
		if a.tls == nil {
			return identity.Identity{}, identity.NotAdmitted(database, user, addr, false)
		}
		return identity.Certificate(user, a.tls)
	}
	if err := s.throttle.Check(addr, user); err != nil {
		return identity.Identity{}, err
	}
	id, err := s.prove(ctx, a, rule)
	var failure *identity.Failure
	switch {
	case err == nil:
		s.throttle.Succeeded(addr, user)
	case errors.As(err, &failure) && failure.Guessed():
		s.throttle.Failed(addr, user)
	}
	return id, err
}

// prove goes through the exchange of a method that can be guessed at.
func (s *Server) prove(ctx context.Context, a *admission, rule identity.Rule) (identity.Identity, error) {
	transport := identity.Transport{TLS: a.tls != nil}
	if a.shown != nil {
		transport.ServerCertificate = a.shown.Certificate()
	}
	peer := authPeer{conn: a.conn, limit: maxAuth, mayTry: func() error { return s.throttle.Check(a.from.client, a.startup.user) }}
	login := identity.Login{User: a.startup.user, Rule: rule, Provider: s.providers.Named(rule.OIDC), Transport: transport}
	if rule.WithToken() {
		peer.limit = maxTokenAuth
	}
	switch rule.Method {
	case identity.MethodJWT:
		return identity.JWT(ctx, peer, login)
	case identity.MethodOAuthBearer:
		return identity.OAuthBearer(ctx, peer, login)
	}
	return identity.SCRAM(peer, a.startup.user, s.verifiers, transport)
}

// negotiate tells the client which protocol the session speaks, once and
// before anything else (protocol section "Start-up").
func negotiate(conn *wire.Conn, s *startup) error {
	if !s.needsNegotiation() {
		return nil
	}
	return conn.WriteMessage(&pgproto3.NegotiateProtocolVersion{
		NewestMinorProtocol: protocol30 | uint32(s.minor), UnrecognizedOptions: s.unknown,
	})
}
