package vaulttest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reply is an answer before it is written.
type reply struct {
	status     int
	retryAfter int
	body       map[string]any
}

func refuse(status int, words ...string) reply {
	return reply{status: status, body: map[string]any{"errors": words}}
}

func (r reply) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if r.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.retryAfter))
	}
	if r.status == 0 && r.body == nil {
		r.status = http.StatusNoContent
	} else if r.status == 0 {
		r.status = http.StatusOK
	}
	w.WriteHeader(r.status)
	if r.body != nil {
		_ = json.NewEncoder(w).Encode(r.body)
	}
}

// handle answers a request; ok is false when the connection is to be cut.
func (s *Server) handle(r *http.Request) (out reply, ok bool) {
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	body := map[string]any{}
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&body)
		_ = r.Body.Close()
	}
	s.mu.Lock()
	call := Call{Number: len(s.calls) + 1, Path: path}
	s.calls = append(s.calls, call)
	fault := s.fault(call)
	s.mu.Unlock()
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-r.Context().Done():
			return reply{}, false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case fault.Cut:
		return reply{}, false
	case fault.Status != 0:
		out = refuse(fault.Status, fault.Words...)
		out.retryAfter = fault.RetryAfter
	default:
		out = s.answer(r, path, body)
	}
	s.calls[call.Number-1].Status = out.status
	return out, !fault.Lose
}

// answer does the work. The caller holds mu.
func (s *Server) answer(r *http.Request, path string, body map[string]any) reply {
	s.purge()
	if s.options.Namespace != r.Header.Get("X-Vault-Namespace") {
		return refuse(http.StatusNotFound, "no handler for route")
	}
	if strings.HasPrefix(path, "auth/") && strings.HasSuffix(path, "/login") {
		return s.login(path, body)
	}
	t := s.tokens[r.Header.Get("X-Vault-Token")]
	if t == nil {
		return refuse(http.StatusForbidden, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
	}
	if s.denied[path] || s.fixed[path] && r.Method != http.MethodGet {
		return refuse(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	}
	text := func(name string) string {
		value, _ := body[name].(string)
		return value
	}
	switch {
	case path == "auth/token/create":
		return s.createToken(t, body)
	case path == "auth/token/lookup-self":
		return s.lookUpToken(t)
	case path == "auth/token/renew-self":
		return s.renewToken(t, body)
	case path == "auth/token/revoke-self":
		return s.revokeToken(t)
	case path == "auth/token/revoke-accessor":
		return s.revokeToken(s.byAccessor(text("accessor")))
	case path == "sys/leases/renew":
		return s.renewLease(text("lease_id"), body)
	case path == "sys/leases/lookup":
		return s.lookUpLease(text("lease_id"))
	case path == "sys/leases/revoke":
		if err := s.dropLease(text("lease_id")); err != nil {
			return refuse(http.StatusInternalServerError, "failed to revoke lease")
		}
		return reply{}
	case path == "sys/capabilities-self":
		return s.capabilities(body)
	}
	return s.engine(t, r.Method, path, body)
}

// engine answers for the database engine and KV, at whatever mount.
func (s *Server) engine(t *token, method, path string, body map[string]any) reply {
	engine, rest, _ := strings.Cut(path, "/")
	kind, name, _ := strings.Cut(rest, "/")
	switch {
	case engine == "auth" || engine == "sys" || engine == NoMount:
		return refuse(http.StatusNotFound, "no handler for route")
	case kind == "creds":
		return s.credentials(t, engine, name)
	case kind == "static-creds" && name != "missing":
		return reply{body: map[string]any{"data": map[string]any{
			"username": SharedUser, "password": SharedPassword, "ttl": 3600, "rotation_period": 86400,
		}}}
	case kind == "data" && method == http.MethodGet && !strings.HasPrefix(name, keptBelow):
		return sharedSecret(name)
	case kind == "data" || kind == "metadata":
		return s.keep(method, engine, kind, name, body)
	case kind == "static-creds":
		return refuse(http.StatusBadRequest, "unknown role: "+name)
	}
	return refuse(http.StatusNotFound)
}

// login takes what the constants of the package say.
func (s *Server) login(path string, body map[string]any) reply {
	switch {
	case strings.HasPrefix(path, "auth/approle") && (body["role_id"] != RoleID || body["secret_id"] != SecretID):
		return refuse(http.StatusBadRequest, "invalid role or secret ID")
	case strings.HasPrefix(path, "auth/approle"):
	case body["role"] != Role:
		return refuse(http.StatusBadRequest, "role could not be found")
	case body["jwt"] != JWT:
		return refuse(http.StatusForbidden, "permission denied")
	}
	t := s.newToken("", strings.Split(path, "/")[1], nil, s.options.TokenTTL, s.options.TokenMax)
	return s.auth(t)
}

// capabilities are those of root, but for what Deny and ReadOnly have named.
func (s *Server) capabilities(body map[string]any) reply {
	data := map[string]any{}
	paths, _ := body["paths"].([]any)
	for _, p := range paths {
		path, _ := p.(string)
		switch {
		case s.denied[path]:
			data[path] = []string{"deny"}
		case s.fixed[path]:
			data[path] = []string{"read"}
		default:
			data[path] = []string{"root"}
		}
	}
	return reply{body: map[string]any{"data": data}}
}

func (s *Server) auth(t *token) reply {
	accessor := t.accessor
	if s.options.Batch {
		accessor = ""
	}
	return reply{body: map[string]any{"auth": map[string]any{
		"client_token": t.id, "accessor": accessor, "lease_duration": wholeSeconds(s.left(t.expires)),
		"renewable": !t.expires.IsZero(), "display_name": t.display, "metadata": t.meta,
	}}}
}

func (s *Server) left(expires time.Time) time.Duration {
	if expires.IsZero() {
		return 0
	}
	return expires.Sub(s.now())
}

func wholeSeconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

// duration reads a number of seconds, or a duration such as 1h0m0s.
func duration(value any, fallback time.Duration) time.Duration {
	switch v := value.(type) {
	case float64:
		return time.Duration(v) * time.Second
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return d
		}
	}
	return fallback
}
