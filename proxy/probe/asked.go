package probe

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/destination"
)

// minorNobodyHas is a minor version of the protocol that does not exist.
const minorNobodyHas = 9999

// measureProtocol asks for a version of the protocol that does not exist. The
// server answers with the newest it knows before it looks at who asks
// (NegotiateProtocolVersion; protocol, "Message Flow", "Start-up").
func (d *door) measureProtocol(ctx context.Context, v *visit) {
	conn, err := d.dial(ctx, v.address, d.vantages[0])
	if err != nil {
		v.problems = append(v.problems, "the protocol's version could not be asked for: "+destination.Clean(err.Error()))
		return
	}
	defer conn.Close()
	defer hangUpWith(ctx, conn)()
	transport := Plain
	if v.tls.Offered {
		transport = TLSAsked
	}
	open, _, err := d.open(ctx, conn, transport, 0)
	if err != nil {
		v.problems = append(v.problems, "the protocol's version could not be asked for: "+destination.Clean(err.Error()))
		return
	}
	stranger := try{user: strangerPrefix + d.id, database: strangerPrefix + d.id}
	if _, err := open.Write(startupWith(stranger, d.id, minorNobodyHas)); err != nil {
		return
	}
	kind, body, err := newFrames(open).next()
	if err == nil && kind == 'v' && len(body) >= 4 {
		v.protocol = newest(binary.BigEndian.Uint32(body))
	}
}

// newest reads the version of NegotiateProtocolVersion: the documentation
// speaks of the minor version, servers send major and minor.
func newest(version uint32) string {
	major := version >> 16
	if major == 0 {
		major = 3
	}
	return fmt.Sprintf("%d.%d", major, version&0xffff)
}

// authSASLContinue is the code of AuthenticationSASLContinue.
const authSASLContinue = 11

// askIterations begins SCRAM (RFC 5802, section 5) and leaves once the server
// has said with how many iterations. No password and nothing made of one is
// sent: the client's first message is a random number.
func (a *Attempt) askIterations(conn net.Conn, in *frames) {
	first := "n,,n=,r=" + rand.Text()
	body := append([]byte("SCRAM-SHA-256\x00"), 0, 0, 0, byte(len(first)))
	body = append(body, first...)
	message := binary.BigEndian.AppendUint32([]byte{'p'}, uint32(len(body)+4))
	if _, err := conn.Write(append(message, body...)); err != nil {
		return
	}
	kind, answer, err := in.next()
	if err != nil || kind != 'R' || len(answer) < 4 || binary.BigEndian.Uint32(answer) != authSASLContinue {
		return
	}
	for part := range strings.SplitSeq(string(answer[4:]), ",") {
		if digits, found := strings.CutPrefix(part, "i="); found {
			if n, err := strconv.Atoi(digits); err == nil && n > 0 {
				a.Iterations = n
			}
		}
	}
}
