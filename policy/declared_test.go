package policy_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/sluice-pg/sluice/policy"
)

func TestDeclaredInJSON(t *testing.T) {
	d := policy.Declared{"reason_digest": "b", "destination": "a"}
	encoded, err := json.Marshal(policy.Session{Declared: d})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"database":"","address":"","tls":false,"declared":[{"name":"destination","value":"a"},{"name":"reason_digest","value":"b"}]}`
	if string(encoded) != want {
		t.Errorf("got %s", encoded)
	}
	for _, text := range []string{want, `{"declared": {"destination": "a", "reason_digest": "b"}}`} {
		var s policy.Session
		if err := json.Unmarshal([]byte(text), &s); err != nil || !maps.Equal(s.Declared, d) {
			t.Errorf("%s reads as %v, %v", text, s.Declared, err)
		}
	}
	for _, text := range []string{`{"declared": [{"name": "a"}, {"name": "a"}]}`, `{"declared": 1}`, `{"declared": {"a": 1}}`} {
		if err := json.Unmarshal([]byte(text), new(policy.Session)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}
