package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/sluice-pg/sluice/policy/statement"
)

// The attributes of metrics and spans that are our own.
const (
	kindKey    = attribute.Key("sluice.kind")
	verdictKey = attribute.Key("sluice.verdict")
	ruleKey    = attribute.Key("sluice.rule")
	reasonKey  = attribute.Key("reason")
	whatKey    = attribute.Key("operation")
	outcomeKey = attribute.Key("outcome")
	wayKey     = attribute.Key("direction")
)

// metrics are what is counted when it happens. What a server counts anyway is
// in state.go.
type metrics struct {
	meter     metric.Meter
	decisions decisions

	loginsFailed, sessionsEnded, limited metric.Int64Counter
	parseFailures, auditErrors           metric.Int64Counter
	credentialFailures, reloads          metric.Int64Counter

	statement, gate, parse, appended, issue metric.Float64Histogram

	labels struct {
		sync.Mutex
		known map[labelsOf]metric.MeasurementOption
	}
}

// labelsOf chooses the labels of a statement's histograms.
type labelsOf struct {
	database string
	kind     statement.Kind
	failure  string
}

// Bounds of histograms, in seconds: those of statements are the ones of the
// semantic conventions; what the proxy does itself is mostly faster.
var (
	slowBounds = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}
	fastBounds = []float64{0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1}
)

// startMetrics makes metrics if somebody will read them.
func (t *Telemetry) startMetrics(ctx context.Context, forPrometheus bool, who *resource.Resource) error {
	options := []sdkmetric.Option{sdkmetric.WithResource(who)}
	if asked("METRICS") {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return fmt.Errorf("telemetry: metrics: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	} else if !forPrometheus {
		return nil
	}
	if forPrometheus {
		registry := prometheus.NewRegistry()
		reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo())
		if err == nil {
			err = registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		}
		if err != nil {
			return fmt.Errorf("telemetry: prometheus: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
		t.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	}
	provider := sdkmetric.NewMeterProvider(options...)
	t.closers = append(t.closers, provider.Shutdown)
	if err := runtime.Start(runtime.WithMeterProvider(provider)); err != nil {
		return fmt.Errorf("telemetry: runtime: %w", err)
	}
	m, err := newMetrics(provider.Meter(scope))
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	t.metrics = m
	return nil
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	m := &metrics{meter: meter}
	m.labels.known = map[labelsOf]metric.MeasurementOption{}
	var errs []error
	count := func(into *metric.Int64Counter, name, unit, text string) {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(text))
		*into = c
		errs = append(errs, err)
	}
	measure := func(into *metric.Float64Histogram, bounds []float64, name, text string) {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(text), metric.WithExplicitBucketBoundaries(bounds...))
		*into = h
		errs = append(errs, err)
	}
	count(&m.loginsFailed, "sluice.logins.failed", "{login}", "Clients that came to no session, by reason.")
	count(&m.sessionsEnded, "sluice.sessions.ended", "{session}", "Sessions that ended, by reason.")
	count(&m.limited, "sluice.limits.reached", "{statement}", "Statements that came up against a limit of the policy.")
	count(&m.parseFailures, "sluice.parse.failures", "{text}", "Texts that could not be read, and were refused.")
	count(&m.auditErrors, "sluice.audit.errors", "{record}", "Records that the trail did not take; what they were about was refused.")
	count(&m.credentialFailures, "sluice.credential.failures", "{credential}", "Credentials that could not be issued, or not be ended.")
	count(&m.reloads, "sluice.policy.reloads", "{reload}", "Policies put in force or refused while running.")
	measure(&m.statement, slowBounds, "db.client.operation.duration", "Time from sending a statement to the server to the end of its answer.")
	measure(&m.gate, fastBounds, "sluice.gate.duration", "Time to read, decide and record a statement, which is what it waits for before it is sent on.")
	measure(&m.parse, fastBounds, "sluice.parse.duration", "Time to analyse a text that was not in the cache.")
	measure(&m.appended, fastBounds, "sluice.audit.append.duration", "Time until a record that must be on disk is there.")
	measure(&m.issue, slowBounds, "sluice.credential.issue.duration", "Time to issue a credential.")
	errs = append(errs, m.decisions.register(meter))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	m.begin()
	return m, nil
}

// begin has the counters of what is rare begin at 0. Prometheus sees no rise in
// a series that comes into being with its first event.
func (m *metrics) begin() {
	ctx := context.Background()
	m.limited.Add(ctx, 0)
	m.parseFailures.Add(ctx, 0)
	for _, what := range []string{"append", "enqueue", "put"} {
		m.auditErrors.Add(ctx, 0, metric.WithAttributes(whatKey.String(what)))
	}
	for _, what := range []string{"issue", "end"} {
		m.credentialFailures.Add(ctx, 0, metric.WithAttributes(whatKey.String(what)))
	}
	for _, outcome := range []string{inForce, refused} {
		m.reloads.Add(ctx, 0, metric.WithAttributes(outcomeKey.String(outcome)))
	}
}

// labelsFor returns the labels of a statement's histograms. They are made once.
func (m *metrics) labelsFor(of labelsOf) metric.MeasurementOption {
	m.labels.Lock()
	defer m.labels.Unlock()
	known, ok := m.labels.known[of]
	if !ok {
		all := []attribute.KeyValue{semconv.DBSystemNamePostgreSQL, semconv.DBNamespace(of.database), kindKey.String(of.kind.String())}
		if of.failure != "" {
			all = append(all, semconv.ErrorTypeKey.String(of.failure))
		}
		known = metric.WithAttributeSet(attribute.NewSet(all...))
		m.labels.known[of] = known
	}
	return known
}
