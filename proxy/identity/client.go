package identity

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// maxAnswer bounds an answer of a provider, in bytes.
const maxAnswer = 1 << 20

// ProviderClient asks a provider as little as it can. An answer that is not 200
// is an error, without its text, so no redirect leads elsewhere; but one to a POST
// keeps its text where the protocol has errors of its own (RFC 8628 section 3.5).
// None is read without end. ca is a PEM file with who signed the provider's
// certificate; empty means the system's pool.
func ProviderClient(ca string) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authority: no certificate in %s", ca)
		}
	}
	return &http.Client{Transport: careful{&http.Transport{
		TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}}}, nil
}

// careful is how a ProviderClient asks.
type careful struct{ base *http.Transport }

// RoundTrip implements http.RoundTripper. It reads the answer whole: the libraries
// do not close all bodies.
func (c careful) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := c.base.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	code := answer.StatusCode
	if code != http.StatusOK && (request.Method != http.MethodPost || code < http.StatusBadRequest) {
		return nil, fmt.Errorf("the answer is %d %s", code, http.StatusText(code))
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	whole := *answer
	whole.Body = io.NopCloser(bytes.NewReader(body))
	return &whole, nil
}

// CloseIdleConnections is what http.Client looks for.
func (c careful) CloseIdleConnections() { c.base.CloseIdleConnections() }
