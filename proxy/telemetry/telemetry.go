package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluice-pg/sluice/proxy"
)

// scope is the name under which metrics and spans are made.
const scope = "github.com/sluice-pg/sluice"

// Options say what is wanted beyond what the environment asks for.
type Options struct {
	// Instance and Version name this proxy.
	Instance, Version string
	// Log is the configuration of what goes to Output.
	Log    proxy.LogConfig
	Output io.Writer
	// StatementSpans is how many spans of statements are made in a second, at
	// most; negative for any number.
	StatementSpans int
	// Prometheus makes metrics for a Handler.
	Prometheus bool
}

// Telemetry tells what is asked for, and nothing else. A nil *Telemetry tells
// nothing.
type Telemetry struct {
	log     *slog.Logger
	metrics *metrics     // nil if nobody reads any
	tracer  trace.Tracer // nil if nobody takes spans
	ration  *ration      // nil for any number of spans
	handler http.Handler
	closers []func(context.Context) error
}

// Start begins to tell. The environment is read here and not later.
func Start(ctx context.Context, o Options) (_ *Telemetry, err error) {
	t := &Telemetry{}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close(context.WithoutCancel(ctx)))
		}
	}()
	who, err := describe(ctx, o)
	if err != nil {
		return nil, err
	}
	local, err := newHandler(o.Output, o.Log)
	if err != nil {
		return nil, err
	}
	// What cannot be sent is not reported by sending.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		slog.New(local).Warn("telemetry not sent", "err", err)
	}))
	if err := t.startLogs(ctx, local, who); err != nil {
		return nil, err
	}
	if err := t.startMetrics(ctx, o.Prometheus, who); err != nil {
		return nil, err
	}
	if o.StatementSpans >= 0 {
		t.ration = &ration{perSecond: int64(o.StatementSpans)}
	}
	if err := t.startTraces(ctx, who); err != nil {
		return nil, err
	}
	return t, nil
}

// startTraces makes spans if the environment asks for them. Samplers, limits
// and batches are as OTEL_TRACES_SAMPLER, OTEL_SPAN_* and OTEL_BSP_* say.
func (t *Telemetry) startTraces(ctx context.Context, who *resource.Resource) error {
	if !asked("TRACES") {
		return nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(who))
	t.closers = append(t.closers, provider.Shutdown)
	t.tracer = provider.Tracer(scope)
	return nil
}

// Log is where the program logs to.
func (t *Telemetry) Log() *slog.Logger {
	if t == nil {
		return slog.New(slog.DiscardHandler)
	}
	return t.log
}

// Handler serves metrics to Prometheus; nil if Options did not ask for it.
func (t *Telemetry) Handler() http.Handler {
	if t == nil {
		return nil
	}
	return t.handler
}

// Close sends what is left and ends everything, within ctx.
func (t *Telemetry) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	var errs []error
	for _, end := range t.closers {
		if err := end(ctx); err != nil {
			errs = append(errs, fmt.Errorf("telemetry: %w", err))
		}
	}
	t.closers = nil
	return errors.Join(errs...)
}
