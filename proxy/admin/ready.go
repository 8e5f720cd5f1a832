package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Subject is the proxy, as its probes see it.
type Subject interface {
	// Conditions are what must hold for new clients to be served well. It
	// must answer at once.
	Conditions() []Condition
}

// Condition is one thing that must hold.
type Condition struct {
	// Name is one word.
	Name string `json:"name"`
	// Problem is what is wrong, and empty if nothing is. It is made of
	// words that stand in the source: an error could name what must not be
	// seen here.
	Problem string `json:"problem,omitempty"`
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready      bool        `json:"ready"`
	Conditions []Condition `json:"conditions"`
}

func (s *Server) startup(w http.ResponseWriter, _ *http.Request) {
	if s.subject.Load() == nil {
		answer(w, http.StatusServiceUnavailable, "starting\n")
		return
	}
	answer(w, http.StatusOK, "started\n")
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	state := readiness{Conditions: []Condition{{Name: "started", Problem: "the proxy is starting"}}}
	if subject := s.subject.Load(); subject != nil {
		state = judge((*subject).Conditions())
	}
	code := http.StatusOK
	if !state.Ready {
		code = http.StatusServiceUnavailable
	}
	if !strings.Contains(r.Header.Get("Accept"), "application/json") {
		answer(w, code, state.text())
		return
	}
	body, err := json.Marshal(state)
	if err != nil {
		answer(w, http.StatusInternalServerError, "the state cannot be written as JSON\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer(w, code, string(body)+"\n")
}

func judge(conditions []Condition) readiness {
	state := readiness{Ready: true, Conditions: conditions}
	for _, c := range conditions {
		state.Ready = state.Ready && c.Problem == ""
	}
	return state
}

// text has one line for each condition, and one for all of them.
func (r readiness) text() string {
	var b strings.Builder
	for _, c := range r.Conditions {
		word := c.Problem
		if word == "" {
			word = "ok"
		}
		fmt.Fprintf(&b, "%s: %s\n", c.Name, word)
	}
	if r.Ready {
		b.WriteString("ready\n")
	} else {
		b.WriteString("not ready\n")
	}
	return b.String()
}

// answer writes a short text, which nobody may keep: the next one may differ.
func answer(w http.ResponseWriter, code int, text string) {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // who asked has gone, or has a whole answer
}
