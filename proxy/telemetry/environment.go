package telemetry

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// asked reports whether the environment asks for a signal (TRACES, METRICS,
// LOGS): by naming an exporter or by saying where a collector is. What
// OpenTelemetry would do unasked, which is to look for a collector on this
// machine, is not done.
func asked(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if exporter := os.Getenv("OTEL_" + signal + "_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

// describe says who tells: the program, its version and the instance, and what
// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, which comes first.
func describe(ctx context.Context, o Options) (*resource.Resource, error) {
	own := []attribute.KeyValue{semconv.ServiceName("sluice"), semconv.ServiceVersion(o.Version)}
	if o.Instance != "" {
		own = append(own, semconv.ServiceInstanceID(o.Instance))
	}
	r, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(own...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("telemetry: resource: %w", err)
	}
	return r, nil
}
