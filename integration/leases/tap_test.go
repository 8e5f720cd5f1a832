package leases

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/secrets"
)

// tap stands between Sluice and Vault. It passes on what both say, remembers every
// secret that it sees, and can do something at a request.
type tap struct {
	vault func() string // where Vault is
	http  *httptest.Server

	mu      sync.Mutex
	secrets map[string]string // what each is, by its text
	seen    int
	asked   map[string][]time.Time // when each path was asked for
	at      int                    // the request to strike at; 0 for none
	answer  bool
	strike  func()
	skew    time.Duration // by which the times in Vault's answers are moved
	moved   int           // how many have been
}

// startTap starts a tap in front of Vault, which may move.
func startTap(t testing.TB, vault func() string) *tap {
	t.Helper()
	k := &tap{vault: vault, secrets: map[string]string{}, asked: map[string][]time.Time{}}
	k.http = httptest.NewServer(k)
	t.Cleanup(k.http.Close)
	return k
}

func (k *tap) address() string { return k.http.URL }

// strikeAt has something done at the nth request from now on: before Vault has it,
// or with answer when Vault has done it and before Sluice knows.
func (k *tap) strikeAt(n int, answer bool, strike func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen, k.at, k.answer, k.strike = 0, n, answer, strike
}

// struck reports whether it came to that.
func (k *tap) struck() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at > 0 && k.seen >= k.at
}

// since is when a path was asked for, from a time on.
func (k *tap) since(at time.Time, path string) []time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	var asked []time.Time
	for _, one := range k.asked["/v1/"+path] {
		if !one.Before(at) {
			asked = append(asked, one)
		}
	}
	return asked
}

// due counts a request, and reports whether it is the one.
func (k *tap) due(path string) (strike func(), answer bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked[path] = append(k.asked[path], time.Now())
	if k.seen++; k.seen == k.at {
		return k.strike, k.answer
	}
	return nil, false
}

// ServeHTTP implements http.Handler.
func (k *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	strike, afterwards := k.due(r.URL.Path)
	if strike != nil && !afterwards {
		strike()
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	k.note(body)
	request, err := http.NewRequestWithContext(r.Context(), r.Method, k.vault()+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	request.Header = r.Header.Clone()
	response, err := (&http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}).RoundTrip(request)
	if err != nil {
		panic(http.ErrAbortHandler) // as if nobody listened
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	k.note(said)
	if strike != nil {
		strike()
		panic(http.ErrAbortHandler)
	}
	said = k.skewed(response.Header, said)
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(said) // who asked may be gone
}

// secretKeys are the members of Vault's messages that nobody else may see.
var secretKeys = []string{"client_token", "password", "secret_id", "token"}

// tokenPrefix begins the tokens of Vault.
const tokenPrefix = "hvs."

// note remembers the secrets of a message.
func (k *tap) note(body []byte) {
	var message any
	if json.Unmarshal(body, &message) != nil {
		return
	}
	secrets.LearnWords(body)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.noteIn("", message)
}

func (k *tap) noteIn(key string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			k.noteIn(name, inner)
		}
	case string:
		if slices.Contains(secretKeys, key) && len(v) > 8 || strings.HasPrefix(v, tokenPrefix) {
			k.secrets[v] = key
		}
	}
}

// known are the secrets that were seen, with what they are.
func (k *tap) known() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.secrets)
}

// find reports which secrets a text holds.
func find(secrets map[string]string, text string) []string {
	var found []string
	for secret, what := range secrets {
		if strings.Contains(text, secret) {
			found = append(found, what)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestTapFindsSecrets(t *testing.T) {
	k := &tap{secrets: map[string]string{}}
	k.note([]byte(`{"auth": {"client_token": "hvs.abcdefghijkl", "accessor": "not-secret-at-all"}, "data": {"password": "seen by the tap alone", "username": "v-someone-else"}}`))
	if found := find(k.known(), "hvs.abcdefghijkl and seen by the tap alone"); !slices.Equal(found, []string{"client_token", "password"}) {
		t.Errorf("found %v", found)
	}
	if found := find(k.known(), "not-secret-at-all v-someone-else"); found != nil {
		t.Errorf("found %v", found)
	}
}
