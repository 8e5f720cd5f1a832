// Package admin is the port for whoever runs the proxy: probes, metrics, and
// profiles if they are asked for. It has no login, so it belongs on loopback
// or a network of machines, and nothing it says names a user, a table, a
// statement or a secret.
//
//	GET /livez      200 as long as the process answers. It looks at nothing
//	                else: no restart mends a database, a Vault or a full disk,
//	                and each would end every session.
//	GET /startupz   200 once clients can connect
//	GET /readyz     200 if new clients should be sent here, else 503 with what
//	                is in the way; text, or JSON for who accepts it
//	GET /copies/watch   how the watch over copies is, as JSON: places by their
//	                configured names, copies by their ids; 404 without one
//	GET /metrics    what Options.Metrics serves; 404 without
//	GET /debug/pprof/   profiles of the process, only with Options.PProf
//
// The port opens before anything else does, so that a slow start can be told
// from a dead one, and closes last.
package admin
