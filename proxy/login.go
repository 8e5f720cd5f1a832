package proxy

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// maxAuth bounds one message of a login, in bytes.
const maxAuth = 1024

// authPeer is a client during its login.
type authPeer struct{ conn *wire.Conn }

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
	return p.conn.Body(maxAuth)
}

// authenticate proves who the client is, by the first rule that matches.
func (s *Server) authenticate(a *admission) (identity.Identity, error) {
	addr := a.from.client
	user, database := a.startup.user, a.startup.database
	rule, ok := s.config.Auth.Match(database, user, addr, a.tls != nil)
	if !ok || rule.Method == "reject" {
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
	var shown *x509.Certificate
	if a.shown != nil {
		shown = a.shown.Certificate()
	}
	id, err := identity.SCRAM(authPeer{a.conn}, user, s.verifiers, identity.Transport{TLS: a.tls != nil, ServerCertificate: shown})
	var failure *identity.Failure
	switch {
	case err == nil:
		s.throttle.Succeeded(addr, user)
	case errors.As(err, &failure) && failure.Code == "28P01":
		s.throttle.Failed(addr, user)
	}
	return id, err
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
