package leases

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/proxy/identity"
)

// BenchmarkOpen opens sessions in turns: directly, through Sluice with a lease
// that is shared, and with one made for the session; and asks Vault itself for
// what such a lease takes, a token and a credential. It reports medians in
// milliseconds, and what a session costs beyond the direct one and Vault.
//
//	go test -run '^$' -bench Open -benchtime 100x ./integration/leases
func BenchmarkOpen(b *testing.B) {
	s := newStage(b, harness.BuildSluice(b), 15)
	s.startGate(b, s.vault.Address(), "drain: 5s")
	s.hashAsOften(b)
	direct := s.world.Direct()
	ways := map[string]func() (time.Duration, error){
		"direct": func() (time.Duration, error) {
			return s.opens(b, fmt.Sprintf("host=127.0.0.1 port=%d user=%s password='%s' dbname=shop sslmode=disable", direct.Port, direct.User, direct.Password))
		},
		"shared": func() (time.Duration, error) { return s.opens(b, s.dsn("bench", "copy-out")) },
		"fresh":  func() (time.Duration, error) { return s.opens(b, s.dsn("bench", "read")) },
		"vault":  func() (time.Duration, error) { return s.asksVault(b) },
	}
	keep, err := pgconn.Connect(b.Context(), s.dsn("keep", "copy-out")) // the lease that others share
	if err != nil {
		b.Fatal(err)
	}
	took := map[string][]time.Duration{}
	for b.Loop() {
		for name, open := range ways {
			one, err := open()
			if err != nil {
				b.Fatalf("%s: %v", name, err)
			}
			took[name] = append(took[name], one)
		}
	}
	b.StopTimer()
	keep.Close(b.Context())
	for _, id := range s.left {
		s.vault.Revoke(b, id)
	}
	middle := func(name string) float64 {
		slices.Sort(took[name])
		return float64(took[name][len(took[name])/2].Microseconds()) / 1000
	}
	for name := range ways {
		b.ReportMetric(middle(name), "ms/"+name)
	}
	b.ReportMetric(middle("shared")-middle("direct"), "ms/shared-over-direct")
	b.ReportMetric(middle("fresh")-middle("direct")-middle("vault"), "ms/fresh-over-direct-and-vault")
	b.ReportMetric(0, "ns/op")
}

// hashAsOften has the password hashed as often as the server does.
func (s *stage) hashAsOften(t testing.TB) {
	t.Helper()
	target := s.gate.Target()
	if err := identity.AddUser(filepath.Join(s.gate.Dir(), "users.scram"), target.User, []byte(target.Password), identity.MinIterations); err != nil {
		t.Fatal(err)
	}
}

// opens is how long it takes until a session has had its first answer.
func (s *stage) opens(t testing.TB, dsn string) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	start := time.Now()
	c, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	_, err = query(ctx, c, "SELECT 1")
	took := time.Since(start)
	return took, errors.Join(err, c.Close(ctx))
}

// asksVault does what Sluice asks of Vault for a lease.
func (s *stage) asksVault(t testing.TB) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	child, _ := s.vault.Root().Child(t, map[string]any{"policies": []string{"sluice-session"}, "display_name": "bench"})
	lease := child.Credential(t, "database/creds/shop-read")
	took := time.Since(start)
	s.left = append(s.left, lease.LeaseID)
	return took, nil
}
