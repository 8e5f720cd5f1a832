package vaulttest

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// All functions here are called with Server.mu held.

func (s *Server) newToken(parent, display string, meta map[string]any, ttl, longest time.Duration) *token {
	t := &token{
		id: s.secret("hvs."), accessor: "accessor-" + rand.Text(), parent: parent, display: display, meta: meta, ttl: ttl,
	}
	if ttl > 0 {
		t.end = s.now().Add(longest)
		t.expires = s.now().Add(min(ttl, longest))
	}
	s.tokens[t.id] = t
	return t
}

func (s *Server) byAccessor(accessor string) *token {
	for _, t := range s.tokens {
		if t.accessor == accessor {
			return t
		}
	}
	return nil
}

func (s *Server) createToken(parent *token, body map[string]any) reply {
	if policy := s.options.ChildPolicy; policy != "" {
		list, _ := body["policies"].([]any)
		if len(list) != 1 || list[0] != policy || body["no_default_policy"] != true {
			return refuse(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
		}
	}
	display, _ := body["display_name"].(string)
	meta, _ := body["meta"].(map[string]any)
	ttl := duration(body["ttl"], s.options.TokenTTL)
	return s.auth(s.newToken(parent.id, "token-"+display, meta, ttl, s.options.ChildMax))
}

func (s *Server) lookUpToken(t *token) reply {
	accessor := t.accessor
	if s.options.Batch {
		accessor = ""
	}
	return reply{body: map[string]any{"data": map[string]any{
		"accessor": accessor, "ttl": wholeSeconds(s.left(t.expires)), "creation_ttl": wholeSeconds(t.ttl),
		"renewable": !t.expires.IsZero(), "display_name": t.display, "orphan": t.parent == "", "meta": t.meta,
	}}}
}

func (s *Server) renewToken(t *token, body map[string]any) reply {
	if t.expires.IsZero() {
		return refuse(http.StatusBadRequest, "lease is not renewable")
	}
	t.expires = earlier(s.now().Add(duration(body["increment"], t.ttl)), t.end)
	return s.auth(t)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (s *Server) revokeToken(t *token) reply {
	if t == nil {
		return reply{body: map[string]any{"warnings": []string{"No token found with this accessor"}}}
	}
	// Vault goes on by itself with what cannot be revoked now.
	_ = s.dropToken(t)
	return reply{}
}

// dropToken ends a token, its children, and what was leased with them.
func (s *Server) dropToken(t *token) error {
	var first error
	delete(s.tokens, t.id)
	for _, child := range s.tokens {
		if child.parent == t.id {
			if err := s.dropToken(child); err != nil && first == nil {
				first = err
			}
		}
	}
	for _, l := range s.leases {
		if l.token == t.id {
			if err := s.dropLease(l.id); err != nil && first == nil {
				first = err
			}
			l.expires = s.now() // and tried again from now on if it failed
		}
	}
	return first
}

// purge ends what has come to its end.
func (s *Server) purge() {
	now := s.now()
	for _, t := range s.tokens {
		if !t.expires.IsZero() && !now.Before(t.expires) {
			_ = s.dropToken(t)
		}
	}
	for _, l := range s.leases {
		if !now.Before(l.expires) {
			_ = s.dropLease(l.id)
		}
	}
}

func (s *Server) credentials(t *token, engine, role string) reply {
	if role == "" || role == "missing" {
		return refuse(http.StatusBadRequest, "unknown role: "+role)
	}
	if role == ControlRole && t.parent != "" {
		return refuse(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	}
	l := &lease{
		id: engine + "/creds/" + role + "/" + rand.Text(), token: t.id, user: userName(t.display), ttl: s.options.LeaseTTL,
		end: s.now().Add(s.options.LeaseMax),
	}
	l.expires = earlier(s.now().Add(l.ttl), l.end)
	password := s.secret("pw-")
	if s.options.Database != nil {
		if err := s.options.Database.Create(role, l.user, password); err != nil {
			return refuse(http.StatusInternalServerError, "failed to execute query: "+password)
		}
	}
	s.leases[l.id] = l
	return reply{body: map[string]any{
		"lease_id": l.id, "lease_duration": wholeSeconds(s.left(l.expires)), "renewable": true,
		"data": map[string]any{"username": l.user, "password": password},
	}}
}

// userName is the name that a username template with the display name makes,
// within PostgreSQL's 63 bytes.
func userName(display string) string {
	display = strings.TrimPrefix(display, "token-")
	return "v-" + display[:min(len(display), 40)] + "-" + strings.ToLower(rand.Text()[:16])
}

func (s *Server) renewLease(id string, body map[string]any) reply {
	l := s.leases[id]
	if l == nil {
		return refuse(http.StatusBadRequest, "lease not found")
	}
	l.expires = earlier(s.now().Add(duration(body["increment"], l.ttl)), l.end)
	return reply{body: map[string]any{
		"lease_id": l.id, "lease_duration": wholeSeconds(s.left(l.expires)), "renewable": true,
	}}
}

func (s *Server) lookUpLease(id string) reply {
	l := s.leases[id]
	if l == nil {
		return refuse(http.StatusBadRequest, "invalid lease")
	}
	return reply{body: map[string]any{"data": map[string]any{
		"id": l.id, "ttl": wholeSeconds(s.left(l.expires)), "renewable": true,
	}}}
}

// dropLease ends a lease. One that is not there has ended.
func (s *Server) dropLease(id string) error {
	l := s.leases[id]
	if l == nil {
		return nil
	}
	if s.options.Database != nil {
		if err := s.options.Database.Drop(l.user); err != nil {
			return err
		}
	}
	delete(s.leases, id)
	return nil
}
