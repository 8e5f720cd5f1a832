package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// Recorder returns a recorder that measures another, or the other itself if
// nobody looks.
func (t *Telemetry) Recorder(r proxy.Recorder) proxy.Recorder {
	if t == nil || t.metrics == nil {
		return r
	}
	return recorder{r, t.metrics}
}

type recorder struct {
	proxy.Recorder
	metrics *metrics
}

// Append implements proxy.Recorder.
func (r recorder) Append(ctx context.Context, e audit.Event) (audit.Index, error) {
	began := time.Now()
	index, err := r.Recorder.Append(ctx, e)
	r.metrics.appended.Record(ctx, time.Since(began).Seconds())
	return index, r.count("append", err)
}

// Enqueue implements proxy.Recorder.
func (r recorder) Enqueue(e audit.Event) error { return r.count("enqueue", r.Recorder.Enqueue(e)) }

// Put implements proxy.Recorder.
func (r recorder) Put(ctx context.Context, data []byte) (string, error) {
	digest, err := r.Recorder.Put(ctx, data)
	return digest, r.count("put", err)
}

func (r recorder) count(what string, err error) error {
	if err != nil {
		r.metrics.auditErrors.Add(context.Background(), 1, metric.WithAttributes(whatKey.String(what)))
	}
	return err
}

// Credentials returns an issuer that measures another, or the other itself if
// nobody looks.
func (t *Telemetry) Credentials(c proxy.Credentials) proxy.Credentials {
	if t == nil || t.metrics == nil {
		return c
	}
	return credentials{c, t.metrics}
}

type credentials struct {
	proxy.Credentials
	metrics *metrics
}

// Issue implements proxy.Credentials.
func (c credentials) Issue(ctx context.Context, r credential.Request) (*credential.Lease, error) {
	began := time.Now()
	lease, err := c.Credentials.Issue(ctx, r)
	c.metrics.issue.Record(ctx, time.Since(began).Seconds())
	return lease, c.count("issue", err)
}

// End implements proxy.Credentials.
func (c credentials) End(ctx context.Context, l *credential.Lease) error {
	return c.count("end", c.Credentials.End(ctx, l))
}

func (c credentials) count(what string, err error) error {
	if err != nil {
		c.metrics.credentialFailures.Add(context.Background(), 1, metric.WithAttributes(whatKey.String(what)))
	}
	return err
}

// Parsed is for statement.Options: it is told of every text that was analysed
// anew. It is nil if nobody looks.
func (t *Telemetry) Parsed() func(took time.Duration, failed bool) {
	if t == nil || t.metrics == nil {
		return nil
	}
	m := t.metrics
	return func(took time.Duration, failed bool) {
		m.parse.Record(context.Background(), took.Seconds())
		if failed {
			m.parseFailures.Add(context.Background(), 1)
		}
	}
}

// What became of a policy that was read while the proxy runs.
const (
	inForce = "in force"
	refused = "refused"
)

// Reloaded is told that a policy was put in force, or refused with an error,
// while the proxy runs.
func (t *Telemetry) Reloaded(err error) {
	if t == nil || t.metrics == nil {
		return
	}
	outcome := inForce
	if err != nil {
		outcome = refused
	}
	t.metrics.reloads.Add(context.Background(), 1, metric.WithAttributes(outcomeKey.String(outcome)))
}
