package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// verify returns the token taken apart if it is genuine, meant for us and
// valid now. What costs nothing is looked at first, so that only tokens that
// could be ours make anybody ask the provider.
func (p *Provider) verify(ctx context.Context, token Token) (*jwt, error) {
	raw := token.reveal()
	t, err := parseJWT(raw)
	if err != nil {
		return nil, err
	}
	if err := p.checkForm(t); err != nil {
		return nil, err
	}
	if err := p.checkTimes(t, p.now()); err != nil {
		return nil, err
	}
	// The library checks issuer, algorithm and form once more; times are ours,
	// since it knows no clock skew, and audiences, since it knows but one.
	signature := &signatureOf{provider: p, token: t}
	verifier := oidc.NewVerifier(p.issuer.URL, signature, &oidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: p.issuer.Algorithms,
	})
	if _, err := verifier.Verify(ctx, raw); err != nil {
		if signature.failure != nil {
			return nil, signature.failure
		}
		return nil, ErrTokenMalformed // its own words could quote the token
	}
	return t, nil
}

// tokenForms are the types of tokens that open something (header typ): ID
// tokens and access tokens (RFC 9068). Others that the provider signs, such as
// logout tokens, do not (RFC 8725 section 3.11).
var tokenForms = []string{"", "jwt", "at+jwt"}

func (p *Provider) checkForm(t *jwt) error {
	form, _ := strings.CutPrefix(strings.ToLower(t.form), "application/")
	if !slices.Contains(tokenForms, form) {
		return ErrTokenMalformed
	}
	if !slices.Contains(p.issuer.Algorithms, t.algorithm) {
		return ErrAlgorithm
	}
	if issuer, _, err := t.claims.text("iss"); err != nil || issuer != p.issuer.URL {
		return ErrIssuer
	}
	audiences, err := t.claims.list("aud")
	if err != nil || !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(p.issuer.Audiences, a) }) {
		return ErrAudience
	}
	if _, bound := t.claims["cnf"]; bound {
		return ErrBound // RFC 7800: only whoever has the key may use it
	}
	return nil
}

func (p *Provider) checkTimes(t *jwt, now time.Time) error {
	skew := p.issuer.ClockSkew
	expires, there, err := t.claims.time("exp")
	if err != nil || !there || !now.Before(expires.Add(skew)) {
		return ErrExpired
	}
	for _, name := range []string{"nbf", "iat"} {
		if at, _, err := t.claims.time(name); err != nil || now.Add(skew).Before(at) {
			return ErrNotYetValid
		}
	}
	if p.issuer.MaxAge == 0 {
		return nil
	}
	if issued, there, _ := t.claims.time("iat"); !there || now.Sub(issued) > p.issuer.MaxAge+skew {
		return fmt.Errorf("%w: at most %s ago is accepted", ErrTooOld, p.issuer.MaxAge)
	}
	return nil
}

// signatureOf checks one token's signature. It implements oidc.KeySet, and
// keeps its failure, whose kind the library's error does not.
type signatureOf struct {
	provider *Provider
	token    *jwt
	failure  error
}

// VerifySignature implements oidc.KeySet.
func (s *signatureOf) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := s.check(ctx, raw)
	s.failure = err
	return payload, err
}

func (s *signatureOf) check(ctx context.Context, raw string) ([]byte, error) {
	algorithm := jose.SignatureAlgorithm(s.token.algorithm)
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		return nil, ErrTokenMalformed
	}
	keys, err := s.provider.keys.find(ctx, s.token.key, s.token.algorithm)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, ErrSignature
}
