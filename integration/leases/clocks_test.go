package leases

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// skew is by how much clocks differ here: more than any lease lasts.
const skew = 25 * time.Hour

// vaultsClockJumps has every time that Vault names moved, one answer into the
// future and the next into the past, for the whole life of a lease. Its clock
// itself cannot be set for one process; Sluice sees of it what it names.
func vaultsClockJumps(t *testing.T, s *stage, application string) string {
	moved := s.tap.jump(skew)
	saw := longestLifeIdle(t, s, application)
	if n := moved(); n < 4 {
		t.Errorf("Vault named %d times: too few to mean anything", n)
	}
	s.tap.jump(0)
	return saw
}

// databasesClockIsAhead has logins made as a database with another clock has
// them: their end, which Vault's clock names, has passed there already.
func databasesClockIsAhead(t *testing.T, s *stage, application string) string {
	const path = "database/roles/shop-read"
	before := s.vault.Root().Read(t, path).Data
	after := map[string]any{}
	for name, value := range before {
		after[name] = value
	}
	create, _ := before["creation_statements"].([]any)
	after["creation_statements"] = append(create[:len(create):len(create)], fmt.Sprintf(
		`DO $do$ BEGIN EXECUTE format('ALTER ROLE "{{name}}" VALID UNTIL %%L', timestamptz '{{expiration}}' - interval '%d s'); END $do$`,
		int(skew.Seconds())))
	s.vault.Root().Write(t, path, after)
	_, err := s.connect(t.Context(), application, "read")
	s.vault.Root().Write(t, path, before)
	return words(err)
}

// jump has the times in Vault's answers moved from now on, by turns ahead and
// back; zero leaves them alone. It returns how many there have been.
func (k *tap) jump(by time.Duration) (moved func() int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.skew, k.moved = by, 0
	return func() int {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.moved
	}
}

// skewed is an answer of Vault's as it would be by another clock.
func (k *tap) skewed(header http.Header, body []byte) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.skew == 0 {
		return body
	}
	k.skew = -k.skew
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		header.Set("Date", date.Add(k.skew).UTC().Format(http.TimeFormat))
	}
	var message any
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if decoder.Decode(&message) != nil {
		return body
	}
	text, err := json.Marshal(k.move("", message))
	if err != nil {
		return body
	}
	header.Set("Content-Length", fmt.Sprint(len(text)))
	return text
}

// move moves the times in a message: those that are text, and the second in which
// a token was made.
func (k *tap) move(name string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for inner, value := range v {
			v[inner] = k.move(inner, value)
		}
	case []any:
		for i := range v {
			v[i] = k.move(name, v[i])
		}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			k.moved++
			return at.Add(k.skew).Format(time.RFC3339Nano)
		}
	case json.Number:
		if second, err := v.Int64(); err == nil && name == "creation_time" {
			k.moved++
			return second + int64(k.skew.Seconds())
		}
	}
	return value
}
