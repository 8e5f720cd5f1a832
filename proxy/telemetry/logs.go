package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/sluice-pg/sluice/proxy"
)

// newHandler writes logs as configured; no level means info, no format text.
func newHandler(w io.Writer, c proxy.LogConfig) (slog.Handler, error) {
	options := &slog.HandlerOptions{}
	if c.Level != "" {
		var level slog.Level
		if err := level.UnmarshalText([]byte(c.Level)); err != nil {
			return nil, fmt.Errorf("telemetry: log level: %w", err)
		}
		options.Level = level
	}
	if c.Format == "json" {
		return slog.NewJSONHandler(w, options), nil
	}
	return slog.NewTextHandler(w, options), nil
}

// startLogs makes the logger: to the local handler, and to a collector if the
// environment asks for it.
func (t *Telemetry) startLogs(ctx context.Context, local slog.Handler, who *resource.Resource) error {
	t.log = slog.New(local)
	if !asked("LOGS") {
		return nil
	}
	exporter, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: logs: %w", err)
	}
	provider := sdklog.NewLoggerProvider(
		sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)), sdklog.WithResource(who),
	)
	t.closers = append(t.closers, provider.Shutdown)
	sent := otelslog.NewHandler(scope, otelslog.WithLoggerProvider(provider))
	t.log = slog.New(slog.NewMultiHandler(local, leveled{sent, local}))
	return nil
}

// leveled lets pass what another handler would take, so that log.level holds
// for both.
type leveled struct {
	slog.Handler
	like slog.Handler
}

// Enabled implements slog.Handler.
func (l leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return l.like.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (l leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(attrs), l.like}
}

// WithGroup implements slog.Handler.
func (l leveled) WithGroup(name string) slog.Handler {
	return leveled{l.Handler.WithGroup(name), l.like}
}
