package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

const mechanismBearer = "OAUTHBEARER"

// Login is a login by token: who wants in, and by which rule.
type Login struct {
	// User is the name of the start-up packet.
	User string
	// Rule is the rule that matched, Provider that of its issuer.
	Rule     Rule
	Provider *Provider
	// Transport must be TLS.
	Transport Transport
}

// JWT proves who the client is by a token that it sends as its password
// (PostgreSQL protocol section "Start-up", AuthenticationCleartextPassword), so
// that every client can. Only over TLS.
//
// A login that was decided is a [*Failure]; any other error says that the
// client went away or could not be written to.
func JWT(ctx context.Context, peer Peer, login Login) (Identity, error) {
	if err := login.check(); err != nil {
		return Identity{}, err
	}
	if err := peer.SendAuth(&pgproto3.AuthenticationCleartextPassword{}); err != nil {
		return Identity{}, fmt.Errorf("%w: send login message: %w", errPeer, err)
	}
	body, err := peer.ReceiveAuth()
	if err != nil {
		return Identity{}, fmt.Errorf("%w: receive login message: %w", errPeer, err)
	}
	defer clear(body) // the buffer is used again
	password, ok := bytes.CutSuffix(body, []byte{0})
	if !ok || bytes.IndexByte(password, 0) >= 0 {
		return Identity{}, login.refuse(ErrMalformed)
	}
	return login.prove(ctx, newToken(password))
}

// OAuthBearer proves who the client is by a token in SASL's mechanism
// OAUTHBEARER (RFC 7628), as libpq 18 and pgx speak it. Only over TLS. A client
// that has no token yet is told where to get one, and that connection ends with
// [ErrDiscovery].
//
// On success the caller goes on with AuthenticationOk: the mechanism has no
// last word. Errors are those of [JWT].
func OAuthBearer(ctx context.Context, peer Peer, login Login) (Identity, error) {
	if err := login.check(); err != nil {
		return Identity{}, err
	}
	x := exchange{peer: peer}
	if err := x.send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{mechanismBearer}}); err != nil {
		return Identity{}, err
	}
	body, err := peer.ReceiveAuth()
	if err != nil {
		return Identity{}, fmt.Errorf("%w: receive login message: %w", errPeer, err)
	}
	token, err := parseBearerResponse(body)
	clear(body) // the buffer is used again
	if err != nil {
		return Identity{}, login.refuse(err)
	}
	if token == (Token{}) {
		return Identity{}, login.challenge(&x, ErrDiscovery)
	}
	id, err := login.prove(ctx, token)
	if err != nil && errors.Is(err, ErrToken) {
		return Identity{}, login.challenge(&x, err)
	}
	return id, err
}

func parseBearerResponse(body []byte) (Token, error) {
	mechanism, data, err := parseInitialResponse(body)
	if err != nil {
		return Token{}, err
	}
	if mechanism != mechanismBearer {
		return Token{}, fmt.Errorf("%w: it names a mechanism that was not offered", ErrMalformed)
	}
	return parseBearer(data)
}

// challenge tells the client in the mechanism's own form that its token does
// not do, and where to get one (RFC 7628 sections 3.2.2 and 3.2.3). Whatever
// the client answers, it is refused: the answer carries nothing.
func (l Login) challenge(x *exchange, cause error) error {
	var decided *Failure
	if !errors.As(cause, &decided) {
		decided = l.refuse(cause)
	}
	issuer := l.Provider.issuer
	words, err := json.Marshal(struct {
		Status        string `json:"status"`
		Scope         string `json:"scope,omitempty"`
		Configuration string `json:"openid-configuration"`
	}{"invalid_token", strings.Join(issuer.Scopes, " "), issuer.configuration()})
	if err != nil {
		return decided
	}
	// A client that is gone was refused all the same, and that counts.
	if x.send(&pgproto3.AuthenticationSASLContinue{Data: words}) == nil {
		_, _ = x.peer.ReceiveAuth()
	}
	return decided
}

// check refuses what the configuration should have: it is better asked twice.
func (l Login) check() error {
	if !l.Transport.TLS || l.Provider == nil || !l.Rule.WithToken() {
		return &Failure{
			Code:    codeInvalidAuthorization,
			Message: fmt.Sprintf("sluice: user %q cannot log in with a token here", l.User),
			Hint:    "tokens are taken over TLS only: connect with sslmode=verify-full",
			Cause:   ErrNotAdmitted,
		}
	}
	return nil
}

// prove verifies the token and looks whether its holder may use the name.
func (l Login) prove(ctx context.Context, token Token) (Identity, error) {
	t, err := l.Provider.verify(ctx, token)
	if err != nil {
		return Identity{}, l.refuse(err)
	}
	bearer, err := l.Provider.bearer(t)
	if err != nil {
		return Identity{}, l.refuse(err)
	}
	if err := l.admit(bearer); err != nil {
		return Identity{}, l.refuse(err)
	}
	if l.Provider.issuer.SingleUse {
		if err := l.Provider.used.take(t, bearer.Expires.Add(l.Provider.issuer.ClockSkew), l.Provider.now()); err != nil {
			return Identity{}, l.refuse(err)
		}
	}
	return Identity{User: l.User, Method: l.Rule.Method, TLS: l.Transport.TLS, Bearer: bearer}, nil
}

// admit looks whether the holder of a token may use the start-up name: it is
// their own, or the rule says that they may.
func (l Login) admit(b *Bearer) error {
	mine := b.Name == l.User
	if len(l.Rule.Subjects) > 0 {
		mine = fitsName(l.Rule.Subjects, b.Name)
	}
	if !mine {
		return ErrOtherPerson
	}
	if len(l.Rule.Groups) > 0 && !slices.ContainsFunc(b.Groups, func(g string) bool { return slices.Contains(l.Rule.Groups, g) }) {
		return ErrGroup
	}
	return nil
}

// bearer takes over what a verified token says of its holder.
func (p *Provider) bearer(t *jwt) (*Bearer, error) {
	b := &Bearer{Issuer: p.issuer.URL, EndsSession: p.issuer.SessionEndsWithToken}
	var err error
	if b.Subject, err = p.required(t, "sub"); err != nil {
		return nil, err
	}
	if b.Name, err = p.required(t, p.issuer.UserClaim); err != nil {
		return nil, err
	}
	if p.issuer.UserClaim == emailClaim && !t.claims.isTrue("email_verified") {
		return nil, badClaim(emailClaim, "counts only with email_verified")
	}
	if b.Groups, err = p.groups(t); err != nil {
		return nil, err
	}
	if b.ACR, _, err = t.claims.name("acr"); err != nil {
		return nil, err
	}
	if b.AMR, err = t.claims.names("amr", maxMethods); err != nil {
		return nil, err
	}
	b.Expires, _, err = t.claims.time("exp")
	return b, err
}

func (p *Provider) required(t *jwt, name string) (string, error) {
	text, there, err := t.claims.name(name)
	if err == nil && !there {
		err = badClaim(name, "is missing")
	}
	return text, err
}

// groups refuses a token whose groups are to be asked for elsewhere (OpenID
// Connect Core 1.0, section 5.6.2): a rule that denies a group would miss it.
func (p *Provider) groups(t *jwt) ([]string, error) {
	if raw, there := t.claims["_claim_names"]; there {
		var elsewhere members
		if json.Unmarshal(raw, &elsewhere) != nil || elsewhere[p.issuer.GroupsClaim] != nil {
			return nil, badClaim(p.issuer.GroupsClaim, "is not in the token: its holder is in too many groups for the provider to list")
		}
	}
	return t.claims.names(p.issuer.GroupsClaim, maxGroups)
}
