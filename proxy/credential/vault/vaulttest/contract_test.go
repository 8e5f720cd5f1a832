package vaulttest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// The fake keeps to what the real server keeps to.
func TestContractOfTheFake(t *testing.T) {
	s := New(Options{})
	address := s.Start(t)
	Contract(t, Target{Address: address, Mount: "database", Role: "reader", Missing: "missing", UserHas: "alice",
		KeepMount: "secret", KeepPath: "sluice/trail",
		Admin: func(*testing.T) string {
			id, _ := s.Token(time.Minute)
			return id
		},
		Login: func(t *testing.T) string {
			body, err := json.Marshal(map[string]string{"role_id": RoleID, "secret_id": SecretID})
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.Post(address+"/v1/auth/approle/login", "application/json", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			var out said
			if err := json.NewDecoder(response.Body).Decode(&out); err != nil || out.Auth == nil {
				t.Fatalf("no login: status %d, %v", response.StatusCode, err)
			}
			return out.Auth.ClientToken
		}})
	if left := s.Leases(); len(left) > 0 {
		t.Errorf("leases %q are left", left)
	}
	if left := s.Tokens(); len(left) > 0 {
		t.Errorf("tokens %v are left", left)
	}
}
