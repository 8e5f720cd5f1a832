package signin

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hostile is a provider whose answers are changed before they are given.
func hostile(t *testing.T, change func(path string, answer map[string]any), answers ...map[string]any) Provider {
	t.Helper()
	p, server := startProvider(t, true, answers...)
	inner := server.Config.Handler
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := &recorder{header: http.Header{}}
		inner.ServeHTTP(kept, r)
		var answer map[string]any
		if err := json.Unmarshal(kept.body, &answer); err != nil {
			t.Error(err)
		}
		change(r.URL.Path, answer)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(kept.status)
		_ = json.NewEncoder(w).Encode(answer)
	})
	return p
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(data []byte) (int, error) {
	r.body = append(r.body, data...)
	return len(data), nil
}

// What a provider says is shown on a terminal, and where it leads a code goes.
func TestProvidersThatAreHostile(t *testing.T) {
	for name, c := range map[string]struct {
		path, member string
		value        any
		says         string
	}{
		"escapes in the address":         {"/device", "verification_uri", "https://a.example/\x1b]0;x\x07", "cannot be shown"},
		"escapes in the whole address":   {"/device", "verification_uri_complete", "https://a.example/\x1b[2J", "cannot be shown"},
		"escapes in the code":            {"/device", "user_code", "AB\x1b[1A\x1b[2K", "cannot be shown"},
		"a line break in the code":       {"/device", "user_code", "AB\nOpen https://evil.example", "cannot be shown"},
		"a text that runs backwards":     {"/device", "user_code", "AB\u202eDC", "cannot be shown"},
		"no code":                        {"/device", "user_code", "", "cannot be shown"},
		"a code without end":             {"/device", "user_code", strings.Repeat("A", 1000), "cannot be shown"},
		"an address without TLS":         {"/device", "verification_uri", "http://a.example/", "begins with https://"},
		"an address that is a program":   {"/device", "verification_uri", "javascript:alert(1)", "begins with https://"},
		"no wait between two questions":  {"/device", "interval", -1, "-1 s between two questions"},
		"a wait longer than time":        {"/device", "interval", int64(1) << 62, "between two questions"},
		"a code to be sent without TLS":  {"/.well-known/openid-configuration", "device_authorization_endpoint", "http://a.example/", "begins with https://"},
		"a token to be got without TLS":  {"/.well-known/openid-configuration", "token_endpoint", "http://a.example/", "begins with https://"},
		"escapes in what went wrong":     {"/token", "error_description", "\x1b[31mno\nway", "access_denied ?[31mno?way"},
		"somebody else's discovery page": {"/.well-known/openid-configuration", "issuer", "https://evil.example", "did not match"},
	} {
		t.Run(name, func(t *testing.T) {
			p := hostile(t, func(path string, answer map[string]any) {
				if path == c.path {
					answer[c.member] = c.value
				}
			}, map[string]any{"error": "access_denied"})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := Device(ctx, p, func(shown Prompt) {
				if strings.ContainsAny(shown.Address+shown.Code+shown.Complete, "\x1b\n\u202e") {
					t.Errorf("shown: %q", shown)
				}
			})
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// No answer leads a code or a token elsewhere, and none is read without end.
func TestAnswersThatLeadElsewhere(t *testing.T) {
	p, server := startProvider(t, true)
	inner := server.Config.Handler
	elsewhere := false
	for _, path := range []string{"/.well-known/openid-configuration", "/device", "/token"} {
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case path:
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			case "/elsewhere":
				elsewhere = true
			default:
				inner.ServeHTTP(w, r)
			}
		})
		if _, err := Device(t.Context(), p, func(Prompt) {}); err == nil || !strings.Contains(err.Error(), "307") || elsewhere {
			t.Errorf("%s: %v", path, err)
		}
	}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("\x1b[2J"))
	})
	if _, err := Device(t.Context(), p, nil); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat(" ", 1<<16))); err != nil {
				return
			}
		}
	})
	began := time.Now()
	if _, err := Device(t.Context(), p, nil); err == nil || time.Since(began) > askTimeout/2 {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// Without TLS only a provider on this machine is asked.
func TestIssuersWithoutTLS(t *testing.T) {
	for _, issuer := range []string{"http://login.example.net", "ftp://login.example.net", "login.example.net", "", "https://a:b@login.example.net"} {
		if _, err := Device(t.Context(), Provider{Issuer: issuer, ClientID: "psql"}, nil); err == nil || !strings.Contains(err.Error(), "begins with https://") {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}

// A code that nobody used ends the wait, and so does a provider that says so.
func TestCodesThatExpire(t *testing.T) {
	pending := map[string]any{"error": "authorization_pending"}
	soon := func(path string, answer map[string]any) {
		if path == "/device" {
			answer["expires_in"] = 2
		}
	}
	never := func(path string, answer map[string]any) {
		if path == "/device" {
			delete(answer, "expires_in")
		}
	}
	for name, p := range map[string]Provider{
		"in time":           hostile(t, soon, pending),
		"by its word":       hostile(t, never, map[string]any{"error": "expired_token"}),
		"slow, then denied": hostile(t, never, map[string]any{"error": "slow_down"}, map[string]any{"error": "expired_token"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			var shown Prompt
			_, err := Device(t.Context(), p, func(prompt Prompt) { shown = prompt })
			if err == nil || !strings.Contains(err.Error(), "was not used in time: run it again") {
				t.Errorf("%v", err)
			}
			if wait := time.Until(shown.Expires); wait > longestWait {
				t.Errorf("it would wait for %v", wait)
			}
			// RFC 8628 section 3.5: five seconds more than before.
			if took := time.Since(began); strings.HasPrefix(name, "slow") && took < 7*time.Second {
				t.Errorf("asked again after %v", took)
			}
		})
	}
}
