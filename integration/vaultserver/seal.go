package vaultserver

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// initialise gives the new server a key, in one share, and a root token (API
// sys/init).
func (s *Server) initialise(t testing.TB) {
	t.Helper()
	answer := s.unnamed().must(t, http.MethodPut, "sys/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
	keys, _ := answer.Body["keys"].([]any)
	key, _ := firstOf(keys).(string)
	token, _ := answer.Body["root_token"].(string)
	if key == "" || token == "" {
		t.Fatal("Vault was initialised and gave no key or no root token")
	}
	s.unsealKey, s.root = credential.NewSecret(key), credential.NewSecret(token)
}

func firstOf(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// Sealed asks the server whether it is sealed (API sys/seal-status).
func (s *Server) Sealed(t testing.TB) bool {
	t.Helper()
	sealed, ok := s.unnamed().must(t, http.MethodGet, "sys/seal-status", nil).Body["sealed"].(bool)
	if !ok {
		t.Fatalf("%s does not answer as Vault does", s.address)
	}
	return sealed
}

// Seal seals the server: until it is unsealed, everything but its state is
// answered with 503.
func (s *Server) Seal(t testing.TB) {
	t.Helper()
	s.Mine(t, "seal")
	s.Root().must(t, http.MethodPut, "sys/seal", nil)
}

// Unseal unseals the server and returns when it takes requests.
func (s *Server) Unseal(t testing.TB) {
	t.Helper()
	s.Mine(t, "unseal")
	answer := s.unnamed().must(t, http.MethodPut, "sys/unseal", map[string]any{"key": s.unsealKey.Reveal()})
	if sealed, _ := answer.Body["sealed"].(bool); sealed {
		t.Fatalf("Vault stays sealed\n%s", s.logTail())
	}
	s.awaitActive(t)
}

// awaitActive waits until the server is active: right after it was unsealed it
// still loads its mounts.
func (s *Server) awaitActive(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	for {
		answer, err := s.unnamed().Do(ctx, http.MethodGet, "sys/health", nil)
		if err == nil && answer.Status == http.StatusOK {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Vault is not active after %s: %v, %v\n%s", startTime, answer, err, s.logTail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
