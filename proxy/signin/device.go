package signin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
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

// Device gets a token by the device flow (RFC 8628): show tells the person what
// to do, and Device waits until they did, the code expires, or ctx ends. The
// token is not verified here: whoever it is for does that.
func Device(ctx context.Context, p Provider, show func(Prompt)) (token string, err error) {
	client, err := p.client()
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	ctx = oidc.ClientContext(ctx, client)
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return "", fmt.Errorf("provider: %w", err)
	}
	config := oauth2.Config{ClientID: p.ClientID, Scopes: p.Scopes, Endpoint: found.Endpoint()}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams // there is no secret for a header
	if config.Endpoint.DeviceAuthURL == "" {
		return "", fmt.Errorf("provider: %s offers no device flow (device_authorization_endpoint)", p.Issuer)
	}
	asked, err := config.DeviceAuth(ctx)
	if err != nil {
		return "", fmt.Errorf("provider: ask for a code: %w", withoutBody(err))
	}
	show(Prompt{Address: asked.VerificationURI, Code: asked.UserCode, Complete: asked.VerificationURIComplete, Expires: asked.Expiry})
	got, err := config.DeviceAccessToken(ctx, asked)
	if err != nil {
		return "", fmt.Errorf("provider: wait for the login: %w", withoutBody(err))
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

// withoutBody keeps the provider's error code, and not the answer it was in.
func withoutBody(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return err
	}
	if answer.ErrorCode == "" {
		return fmt.Errorf("the answer is %s", answer.Response.Status)
	}
	return fmt.Errorf("%s %s", answer.ErrorCode, answer.ErrorDescription)
}

func (p Provider) client() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.CA != "" {
		pem, err := os.ReadFile(p.CA)
		if err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authority: no certificate in %s", p.CA)
		}
	}
	return &http.Client{
		Timeout:   askTimeout,
		Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true},
	}, nil
}
