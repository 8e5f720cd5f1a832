// Package telemetry runs Sluice in front of a real server with everything on
// that tells operators what goes on, and looks at what they are told: at
// /metrics, and at a collector of its own that takes OTLP. The numbers must be
// those of the trail, the dashboard must ask for what there is, and nobody's
// name, text or value may be in it.
//
// The folder promql is a module of its own that reads the dashboard's queries
// with Prometheus' parser.
package telemetry
