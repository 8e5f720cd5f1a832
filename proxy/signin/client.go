package signin

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// maxAnswer bounds an answer of a provider, in bytes.
const maxAnswer = 1 << 20

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
	base := &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	return &http.Client{Transport: careful{base}}, nil
}

var errSlow = fmt.Errorf("no answer within %s", askTimeout)

// careful asks only where nobody in between could answer, lets no answer lead
// elsewhere, since the code or the token would go there, and waits for none
// without end. An error keeps its body only where it is the protocol's own (RFC
// 8628 section 3.5), to a POST.
type careful struct{ base *http.Transport }

// RoundTrip implements http.RoundTripper. It reads the answer whole: the library
// does not close all bodies.
func (c careful) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := identity.MayAsk(request.URL.String(), true); err != nil {
		return nil, fmt.Errorf("the address %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(request.Context(), askTimeout, errSlow)
	defer cancel()
	answer, err := c.base.RoundTrip(request.WithContext(ctx))
	if errors.Is(context.Cause(ctx), errSlow) {
		return nil, errSlow
	}
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
