package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/sluice-pg/sluice/proxy/identity"
)

func (p Provider) client() (*http.Client, error) {
	client, err := identity.ProviderClient(p.CA)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: guarded{client}}, nil
}

var errSlow = fmt.Errorf("no answer within %s", askTimeout)

// guarded asks only where nobody in between could answer, since the code or the
// token would go there, and waits for no answer without end.
type guarded struct{ client *http.Client }

// RoundTrip implements http.RoundTripper. The answer it gets is read already.
func (g guarded) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := identity.MayAsk(request.URL.String(), true); err != nil {
		return nil, fmt.Errorf("the address %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(request.Context(), askTimeout, errSlow)
	defer cancel()
	answer, err := g.client.Transport.RoundTrip(request.WithContext(ctx))
	if errors.Is(context.Cause(ctx), errSlow) {
		return nil, errSlow
	}
	return answer, err
}

// CloseIdleConnections is what http.Client looks for.
func (g guarded) CloseIdleConnections() { g.client.CloseIdleConnections() }
