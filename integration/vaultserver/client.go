package vaultserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// requestTime bounds one request of a test. Vault's own limit is 90 s.
const requestTime = time.Minute

// list is the method that Vault has beside those of HTTP.
const list = "LIST"

// Client sends requests to a server with one token.
type Client struct {
	server *Server
	token  credential.Secret
}

// Root is the client that may do everything.
func (s *Server) Root() *Client { return s.Client(s.root) }

// Client sends requests with a token.
func (s *Server) Client(token credential.Secret) *Client { return &Client{server: s, token: token} }

// unnamed is for the few requests that need no token.
func (s *Server) unnamed() *Client { return s.Client(credential.Secret{}) }

// Token is the token of the client.
func (c *Client) Token() credential.Secret { return c.token }

// Answer is what Vault said. It prints its status and errors only, because the
// rest can hold secrets.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Errors are the texts of an error.
	Errors []string
	// LeaseID and LeaseDuration are those of a dynamic secret.
	LeaseID       string
	LeaseDuration time.Duration
	Renewable     bool
	// Data and Auth are the members of the same name: a secret, a token.
	Data, Auth map[string]any
	// Body is everything.
	Body map[string]any
}

// Format implements fmt.Formatter, so that no verb prints secrets.
func (a Answer) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "status %d %q", a.Status, a.Errors)
}

// Do sends one request and returns the answer, whatever its status. The path
// is what follows /v1/; body is encoded as JSON if it is not nil. The error
// says that there was no answer.
func (c *Client) Do(ctx context.Context, method, path string, body any) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	var text io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
		}
		text = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.server.address+"/v1/"+path, text)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("X-Vault-Request", "true")
	if token := c.token.Reveal(); token != "" {
		request.Header.Set("X-Vault-Token", token)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	answer, err := read(response)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer, nil
}

// transport keeps no connection: the server is killed under it.
var transport = &http.Transport{DisableKeepAlives: true}

func read(response *http.Response) (Answer, error) {
	a := Answer{Status: response.StatusCode}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return a, nil
	}
	secrets.LearnWords(text)
	var known struct {
		Errors        []string       `json:"errors"`
		LeaseID       string         `json:"lease_id"`
		LeaseDuration int64          `json:"lease_duration"` // s
		Renewable     bool           `json:"renewable"`
		Data          map[string]any `json:"data"`
		Auth          map[string]any `json:"auth"`
	}
	if err := errors.Join(json.Unmarshal(text, &known), json.Unmarshal(text, &a.Body)); err != nil {
		return Answer{}, fmt.Errorf("status %d and a body that is not JSON: %w", a.Status, err)
	}
	a.Errors, a.LeaseID, a.Renewable, a.Data, a.Auth = known.Errors, known.LeaseID, known.Renewable, known.Data, known.Auth
	a.LeaseDuration = time.Duration(known.LeaseDuration) * time.Second
	return a, nil
}

// must is Do for a request that has to succeed.
func (c *Client) must(t testing.TB, method, path string, body any) Answer {
	t.Helper()
	answer, err := c.Do(context.WithoutCancel(t.Context()), method, path, body)
	if err != nil {
		t.Fatalf("Vault: %v\n%s", err, c.server.logTail())
	}
	if answer.Status >= http.StatusBadRequest {
		t.Fatalf("Vault: %s %s: %v", method, path, answer)
	}
	return answer
}

// Write writes a path. It fails the test if Vault refuses.
func (c *Client) Write(t testing.TB, path string, body map[string]any) Answer {
	t.Helper()
	return c.must(t, http.MethodPut, path, body)
}

// Read reads a path. It fails the test if Vault refuses or has nothing there.
func (c *Client) Read(t testing.TB, path string) Answer {
	t.Helper()
	return c.must(t, http.MethodGet, path, nil)
}

// List lists the keys under a path; none if there is nothing.
func (c *Client) List(t testing.TB, path string) []string {
	t.Helper()
	answer, err := c.Do(t.Context(), list, path, nil)
	switch {
	case err != nil:
		t.Fatalf("Vault: %v\n%s", err, c.server.logTail())
	case answer.Status == http.StatusNotFound:
		return nil
	case answer.Status >= http.StatusBadRequest:
		t.Fatalf("Vault: list %s: %v", path, answer)
	}
	keys, _ := answer.Data["keys"].([]any)
	var names []string
	for _, key := range keys {
		names = append(names, fmt.Sprint(key))
	}
	return names
}

// Delete deletes a path. It fails the test if Vault refuses.
func (c *Client) Delete(t testing.TB, path string) {
	t.Helper()
	c.must(t, http.MethodDelete, path, nil)
}

// Refused sends a request that Vault has to refuse with 403, permission
// denied; anything else fails the test.
func (c *Client) Refused(t testing.TB, method, path string, body any) {
	t.Helper()
	answer, err := c.Do(t.Context(), method, path, body)
	if err != nil {
		t.Errorf("Vault: %v", err)
		return
	}
	if answer.Status != http.StatusForbidden || !strings.Contains(strings.Join(answer.Errors, " "), "permission denied") {
		t.Errorf("Vault: %s %s with %v should be refused: %v", method, path, body, answer)
	}
}
