package proxytest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/xdg-go/scram"
)

// FakeSession is one connection of a fake server, as its steps see it.
type FakeSession struct {
	*RawClient
	fake       *Fake
	pid        uint32
	status     byte
	statements map[string]string
	portals    map[string]string
	// skipping is true between an error and the Sync that ends it.
	skipping bool
	extended bool
}

func (s *FakeSession) serve() error {
	startup, err := s.opening()
	if err != nil || startup == nil {
		return err
	}
	if err := s.run(s.fake.config.OnStartup); err != nil {
		return err
	}
	if err := s.authenticate(); err != nil {
		return err
	}
	if err := s.greet(); err != nil {
		return err
	}
	s.statements, s.portals = map[string]string{}, map[string]string{}
	for {
		f, err := s.next()
		if err != nil {
			return err
		}
		s.fake.note(f)
		if f.Type == 'X' {
			return nil
		}
		if err := s.handle(f); err != nil {
			return err
		}
	}
}

// next reads a message for as long as it takes: a session may be idle.
func (s *FakeSession) next() (Frame, error) {
	if err := s.conn.SetReadDeadline(noDeadline); err != nil {
		return Frame{}, err
	}
	return ReadFrame(s.in)
}

// opening reads packets up to a start-up packet, whose parameters it
// returns. A cancel request is noted and gives nil.
func (s *FakeSession) opening() ([]Parameter, error) {
	for {
		body, err := readPacket(s.in)
		if err != nil {
			return nil, err
		}
		code, rest := binary.BigEndian.Uint32(body), body[4:]
		switch code {
		case codeTLS:
			err = s.answerTLS()
		case codeGSS:
			err = s.Send([]byte{'N'})
		case codeCancel:
			d := &decoder{rest: rest}
			s.fake.mu.Lock()
			s.fake.cancels = append(s.fake.cancels, Cancel{d.uint32(), string(d.rest)})
			s.fake.mu.Unlock()
			return nil, nil
		default:
			parameters, err := decodeParameters(rest)
			s.fake.mu.Lock()
			s.fake.startups = append(s.fake.startups, parameters)
			s.fake.mu.Unlock()
			return append([]Parameter{}, parameters...), err
		}
		if err != nil {
			return nil, err
		}
	}
}

func (s *FakeSession) answerTLS() error {
	config := s.fake.config.TLS
	if config == nil {
		return s.Send([]byte{'N'})
	}
	if err := s.Send([]byte{'S'}); err != nil {
		return err
	}
	secure := tls.Server(s.conn, config)
	if err := secure.HandshakeContext(context.Background()); err != nil {
		return err
	}
	state := secure.ConnectionState()
	// Channel binding names the server's own certificate, which its side of
	// the state does not hold.
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		return err
	}
	state.PeerCertificates = []*x509.Certificate{leaf}
	*s.RawClient = *NewRawClient(secure)
	s.Secure = &state
	return nil
}

func (s *FakeSession) authenticate() error {
	if s.fake.config.Password != "" {
		if err := s.scram(); err != nil {
			return err
		}
	}
	return s.SendFrames(authentication(authOK, nil))
}

func authentication(code int, rest []byte) Frame {
	return Frame{'R', append(appendInt32(nil, code), rest...)}
}

func (s *FakeSession) scram() error {
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return s.fake.verifier, nil })
	if err != nil {
		return err
	}
	var offer []byte
	if s.Secure != nil {
		offer = appendCString(offer, mechanismPlus)
	}
	offer = append(appendCString(offer, mechanismPlain), 0)
	if err := s.SendFrames(authentication(authSASL, offer)); err != nil {
		return err
	}
	first, err := s.Receive()
	if err != nil {
		return err
	}
	d := &decoder{rest: first.Body}
	talk, err := s.conversation(server, d.cstring())
	if err != nil {
		return err
	}
	message := string(d.take(d.int32()))
	for _, code := range []int{authSASLContinue, authSASLFinal} {
		reply, err := talk.Step(message)
		if err != nil {
			return s.refuseLogin(err)
		}
		if err := s.SendFrames(authentication(code, []byte(reply))); err != nil || code == authSASLFinal {
			return err
		}
		f, err := s.Receive()
		if err != nil {
			return err
		}
		message = string(f.Body)
	}
	return nil
}

func (s *FakeSession) conversation(server *scram.Server, mechanism string) (*scram.ServerConversation, error) {
	if s.Secure == nil {
		return server.NewConversation(), nil
	}
	binding, err := scram.NewTLSServerEndpointBinding(s.Secure)
	if err != nil {
		return nil, err
	}
	if mechanism == mechanismPlus {
		return server.NewConversationWithChannelBindingRequired(binding), nil
	}
	return server.NewConversationWithChannelBinding(binding), nil
}

func (s *FakeSession) refuseLogin(cause error) error {
	if err := s.SendFrames(ErrorFrame("FATAL", "28P01", "password authentication failed")); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errWrongPassword, cause)
}

func (s *FakeSession) greet() error {
	for _, p := range s.fake.config.Parameters {
		if err := s.SendFrames(ParameterFrame(p.Name, p.Value)); err != nil {
			return err
		}
	}
	if err := s.run(s.fake.config.OnLogin); err != nil {
		return err
	}
	key := append(binary.BigEndian.AppendUint32(nil, s.pid), "fake"...)
	return s.SendFrames(Frame{'K', key}, Frame{'Z', []byte{s.status}})
}

// handle answers one message the way a server would that knows no SQL.
func (s *FakeSession) handle(f Frame) error {
	s.extended = f.Type != 'Q' && f.Type != 'F'
	if s.skipping && f.Type != 'S' {
		return nil
	}
	d := &decoder{rest: f.Body}
	switch f.Type {
	case 'Q':
		err := s.answer(d.cstring())
		s.skipping = false
		if err != nil {
			return err
		}
		return s.ready()
	case 'P':
		name := d.cstring()
		s.statements[name] = d.cstring()
		return s.SendFrames(Frame{Type: '1'})
	case 'B':
		portal := d.cstring()
		s.portals[portal] = s.statements[d.cstring()]
		return s.SendFrames(Frame{Type: '2'})
	case 'D':
		if d.byte() == 'S' {
			return s.SendFrames(Frame{'t', []byte{0, 0}}, Frame{Type: 'n'})
		}
		return s.SendFrames(Frame{Type: 'n'})
	case 'E':
		return s.answer(s.portals[d.cstring()])
	case 'C':
		return s.SendFrames(Frame{Type: '3'})
	case 'S':
		s.skipping = false
		return s.ready()
	case 'F':
		return s.run([]Step{Fail("42883", "a fake has no functions"), func(s *FakeSession) error { s.skipping = false; return s.ready() }})
	}
	return nil
}

func (s *FakeSession) ready() error { return s.SendFrames(Frame{'Z', []byte{s.status}}) }

// answer runs the steps for a statement; those of a transaction block move
// the status as they should.
func (s *FakeSession) answer(sql string) error {
	var steps []Step
	if s.fake.config.Answer != nil {
		steps = s.fake.config.Answer(sql)
	}
	if steps == nil {
		steps = usualAnswer(sql)
	}
	return s.run(steps)
}

func usualAnswer(sql string) []Step {
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(sql)), " ")
	switch word {
	case "BEGIN":
		return []Step{Status('T'), Complete(word)}
	case "COMMIT", "ROLLBACK":
		return []Step{Status('I'), Complete(word)}
	case "SET", "RESET", "DISCARD":
		return []Step{Complete(word)}
	case "":
		return []Step{Say(Frame{Type: 'I'})}
	}
	return []Step{Complete("SELECT 0")}
}

func (s *FakeSession) run(steps []Step) error {
	for _, step := range steps {
		if err := step(s); err != nil {
			return err
		}
	}
	return nil
}
