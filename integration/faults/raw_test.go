package faults

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/proxy/proxytest"
)

func dialRaw(t *testing.T, address string) *proxytest.RawClient {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return proxytest.NewRawClient(c)
}

// raw is a client that has sent its StartupMessage.
func (s *stage) raw(t *testing.T, application string) *proxytest.RawClient {
	t.Helper()
	c := dialRaw(t, loopback(s.gate.Target().Port))
	err := c.Send(proxytest.StartupPacket(3<<16, proxytest.Parameter{Name: "user", Value: s.gate.Target().User},
		proxytest.Parameter{Name: "database", Value: "shop"}, proxytest.Parameter{Name: "application_name", Value: application}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// firstError reads up to the first ErrorResponse, or to the end.
func firstError(c *proxytest.RawClient) error {
	frames, err := c.ReceiveUntil('E')
	if err != nil {
		return err
	}
	var e pgproto3.ErrorResponse
	if err := e.Decode(frames[len(frames)-1].Body); err != nil {
		return err
	}
	return &pgconn.PgError{Severity: e.Severity, Code: e.Code, Message: e.Message}
}
