// Package lifecycle shows how Sluice begins, stops and is watched, with the
// real program and real clients: probes and sluice healthcheck, every phase of
// a drain with psql, restarts under a loop of connections of which none is
// refused, what a service manager hears, and HAProxy in front.
package lifecycle
