package telemetry

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
)

// What a statement costs that is told of: a decision and a result.
func BenchmarkStatement(b *testing.B) {
	t, err := Start(context.Background(), Options{Prometheus: true, Output: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close(context.Background())
	s := t.Observer().Session(proxy.SessionFacts{Database: "shop"})
	now := time.Now()
	a := &proxy.Asked{Judged: &proxy.Judged{Kind: statement.OrdinaryRead, Verdict: policy.Allow, Rule: "r"}, Arrived: now, Ready: now.Add(20 * time.Microsecond)}
	r := proxy.Result{Started: now, Ended: now.Add(200 * time.Microsecond)}
	b.ReportAllocs()
	for b.Loop() {
		s.Decided(a)
		s.Completed(a, r)
	}
}
