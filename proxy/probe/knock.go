package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/sluice-pg/sluice/policy/destination"
)

// terminate is the Terminate message.
var terminate = []byte{'X', 0, 0, 0, 4}

// knock makes one try. The certificate is nil without TLS.
func (d *door) knock(ctx context.Context, address string, from vantage, t try) (Attempt, *certificate) {
	a := Attempt{
		Address: address, Source: from.source, Transport: t.transport,
		User: t.user, Unknown: t.unknown, Database: t.database, Replication: t.replication,
	}
	conn, err := d.dial(ctx, address, from)
	if err != nil {
		a.unclear(err)
		return a, nil
	}
	defer conn.Close()
	defer hangUpWith(ctx, conn)()
	if local, ok := conn.LocalAddr().(*net.TCPAddr); ok && local.IP != nil && a.Source == "" {
		a.Source = local.IP.String()
	}
	open, cert, err := d.open(ctx, conn, t.transport, 0)
	if err != nil {
		a.unclear(err)
		return a, nil
	}
	if _, err := open.Write(startup(t, d.id)); err != nil {
		a.unclear(fmt.Errorf("sending the start-up packet: %w", err))
		return a, cert
	}
	a.listen(open, t.iterations)
	return a, cert
}

// startup is a StartupMessage, protocol 3.0.
func startup(t try, id string) []byte { return startupWith(t, id, 0) }

// startupWith is a StartupMessage of protocol 3.minor. A minor version that
// does not exist brings an option that does not exist either.
func startupWith(t try, id string, minor uint16) []byte {
	b := []byte{0, 0, 0, 0, 0, 3, byte(minor >> 8), byte(minor)}
	set := func(name, value string) {
		b = append(append(append(append(b, name...), 0), value...), 0)
	}
	set("user", t.user)
	if t.database != "" {
		set("database", t.database)
	}
	switch {
	case t.replication && t.database != "":
		set("replication", "database")
	case t.replication:
		set("replication", "true")
	}
	if minor != 0 {
		set("_pq_.sluice_probe", "1")
	}
	set("application_name", "sluice-probe/"+id)
	b = append(b, 0)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// listen reads until the first answer is clear. Notices and the server's
// word on protocol versions may come before it.
func (a *Attempt) listen(conn net.Conn, iterations bool) {
	in := newFrames(conn)
	for {
		kind, body, err := in.next()
		if err != nil {
			a.unclear(err)
			return
		}
		switch kind {
		case 'N', 'v':
			continue
		case 'R':
			a.asked(body)
		case 'E':
			a.refused(parseFields(body))
		default:
			a.unclear(fmt.Errorf("the first answer is a message of type 0x%02x", kind))
		}
		switch {
		case a.Answer == AnswerOpen:
			a.letIn(conn, in)
		case iterations && (a.Answer == AnswerSCRAM || a.Answer == AnswerSCRAMPlus):
			a.askIterations(conn, in)
		}
		return
	}
}

// letIn looks what kind of session an open door leads to, and leaves. The
// door is open whatever comes now: AuthenticationOk was sent.
func (a *Attempt) letIn(conn net.Conn, in *frames) {
	for {
		kind, body, err := in.next()
		if err != nil {
			return
		}
		switch kind {
		case 'S':
			if name, value := parsePair(body); name == "is_superuser" && value == "on" {
				a.Superuser = true
			}
		case 'E':
			f := parseFields(body)
			a.Evidence += ", then error " + destination.Clean(f.code+" "+f.message)
			return
		case 'Z':
			a.Evidence += ", then ReadyForQuery"
			conn.Write(terminate) // the try is over either way
			return
		}
	}
}
