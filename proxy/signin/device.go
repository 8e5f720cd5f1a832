package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// Provider is an OpenID provider, and who we are to it.
type Provider struct {
	// Issuer is its address, as in Sluice's configuration.
	Issuer string
	// ClientID is what the provider calls this program. It has no secret.
	ClientID string
	// Scopes are what is asked for.
	Scopes []string
	// CA is a PEM file with who signed the provider's certificate; empty means
	// the system's pool.
	CA string
	// IDToken, if true, takes the ID token instead of the access token, for
	// providers whose access tokens are no JWT.
	IDToken bool
}

// Prompt is what the person has to do: open an address and say that the code
// shown there is theirs.
type Prompt struct {
	Address, Code string
	// Complete is the address with the code in it; empty if the provider gives
	// none.
	Complete string
	Expires  time.Time
}

// askTimeout bounds one request.
const askTimeout = 30 * time.Second

const (
	// longestWait is how long a code is waited for, also where the provider
	// names no end or a later one.
	longestWait = 30 * time.Minute
	// longestInterval is the longest time between two questions that a provider
	// may ask for, in seconds.
	longestInterval = 600
)

// Device gets a token by the device flow (RFC 8628): show tells the person what
// to do, and Device waits until they did, the code expires, or ctx ends. The
// token is not verified here: whoever it is for does that.
func Device(ctx context.Context, p Provider, show func(Prompt)) (token string, err error) {
	if err := identity.MayAsk(p.Issuer, true); err != nil {
		return "", fmt.Errorf("provider: the issuer %w", err)
	}
	client, err := p.client()
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	asking := oidc.ClientContext(ctx, client)
	found, err := oidc.NewProvider(asking, p.Issuer)
	if err != nil {
		return "", fmt.Errorf("provider: %w", err)
	}
	config := oauth2.Config{ClientID: p.ClientID, Scopes: p.Scopes, Endpoint: found.Endpoint()}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams // there is no secret for a header
	if config.Endpoint.DeviceAuthURL == "" {
		return "", fmt.Errorf("provider: %s offers no device flow (device_authorization_endpoint)", p.Issuer)
	}
	asked, err := config.DeviceAuth(asking)
	if err != nil {
		return "", fmt.Errorf("provider: ask for a code: %w", withoutBody(err))
	}
	if err := bound(asked); err != nil {
		return "", fmt.Errorf("provider: %w", err)
	}
	show(Prompt{Address: asked.VerificationURI, Code: asked.UserCode, Complete: asked.VerificationURIComplete, Expires: asked.Expiry})
	got, err := config.DeviceAccessToken(asking, asked)
	if err != nil {
		return "", fmt.Errorf("provider: wait for the login: %w", orTooLate(ctx, err))
	}
	if !p.IDToken {
		return got.AccessToken, nil
	}
	id, _ := got.Extra("id_token").(string)
	if id == "" {
		return "", errors.New("provider: it gave no ID token; ask for the scope openid")
	}
	return id, nil
}

// bound refuses what cannot be shown on a terminal and waits that make no sense,
// and limits how long a code is waited for.
func bound(asked *oauth2.DeviceAuthResponse) error {
	if asked.Interval < 0 || asked.Interval > longestInterval {
		return fmt.Errorf("it wants %d s between two questions", asked.Interval)
	}
	addresses := []string{asked.VerificationURI}
	if asked.VerificationURIComplete != "" {
		addresses = append(addresses, asked.VerificationURIComplete)
	}
	for _, address := range addresses {
		if !showable(address, 2048) {
			return errors.New("the address to open cannot be shown")
		}
		if err := identity.MayAsk(address, true); err != nil {
			return fmt.Errorf("the address to open %w", err)
		}
	}
	if !showable(asked.UserCode, 64) {
		return errors.New("the code to enter cannot be shown")
	}
	if latest := time.Now().Add(longestWait); asked.Expiry.IsZero() || asked.Expiry.After(latest) {
		asked.Expiry = latest
	}
	return nil
}

// showable reports whether a text does nothing to a terminal but stand there.
func showable(text string, most int) bool {
	return text != "" && len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

// orTooLate says in one way that a code has expired: the provider may say so, or
// the time is over.
func orTooLate(ctx context.Context, err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.ErrorCode == "expired_token" || errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return errors.New("the code was not used in time: run it again")
	}
	return withoutBody(err)
}

// withoutBody keeps the provider's error code, and not the answer it was in.
func withoutBody(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return err
	}
	code := answer.Response.StatusCode
	if answer.ErrorCode == "" {
		return fmt.Errorf("the answer is %d %s", code, http.StatusText(code))
	}
	return errors.New(shown(answer.ErrorCode + " " + answer.ErrorDescription))
}

// shown makes a text of somebody else's fit for a terminal.
func shown(text string) string {
	if len(text) > 300 {
		text = text[:300]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text))
}
