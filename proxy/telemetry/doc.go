// Package telemetry tells operators what the proxy does: logs, metrics and
// traces. The audit trail is another thing: it must not lose a record, and
// this here may lose anything at any time.
//
// # Where it goes
//
// Logs go to standard error (slog; text or JSON). Metrics can be read at
// /metrics of the admin port, by Prometheus and its like. All three go to an
// OpenTelemetry collector if the environment says so, by the variables that
// every OpenTelemetry program knows: OTEL_EXPORTER_OTLP_ENDPOINT,
// OTEL_TRACES_EXPORTER, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and so
// on. What is not asked for is not made: without admin port and without such
// variables nothing here is called while statements pass.
//
// # What is told
//
//	sluice.session             span, server: a session, from login to end
//	  sluice.statement         span, server: a statement, from its text to the end of its
//	    |                      answer; with verdict, rule, request id, shape, summary
//	    SELECT public.users    span, client: the part of it that the server behind had
//
// metrics.go and state.go have every metric.
//
// # What is not told
//
// No text of a statement, no literal, no row, and no name of a person or
// address is in a span or a metric. Names of relations are in spans alone, in
// db.query.summary. The labels of metrics have few values, and none that a
// client can make up: kinds, verdicts, ids of rules, names of databases as
// configured, words of the proxy's own, the classes of SQLSTATE that PostgreSQL
// has. The request id of a span leads to the trail, where the rest is.
//
// # What it costs
//
// proxy.Observer is called for a session, a decision and a result, never for a
// row. Counts that a server has anyway, such as bytes and open sessions, are
// read when somebody looks. A decision is counted by one atomic addition; two
// histograms take one value each per statement, without an allocation. A span is
// dear, so telemetry.statement_spans bounds them (ration.go), and
// OTEL_TRACES_SAMPLER chooses among sessions.
package telemetry
