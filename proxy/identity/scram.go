package identity

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"
)

const (
	mechanismPlain = "SCRAM-SHA-256"
	mechanismPlus  = "SCRAM-SHA-256-PLUS"

	// maxMessage bounds one login message, as PostgreSQL does
	// (PG_MAX_SASL_MESSAGE_LENGTH).
	maxMessage = 1024
)

// Peer is the client during its login.
type Peer interface {
	// SendAuth writes one message and flushes it.
	SendAuth(msg pgproto3.BackendMessage) error
	// ReceiveAuth reads one 'p' message and returns its body, which stays
	// valid until the next call. It refuses any other message, and should
	// refuse a body above 1,024 bytes before reading it.
	ReceiveAuth() ([]byte, error)
}

// SCRAM proves by password that the client is user, the name of its start-up
// packet (RFC 5802, RFC 7677, PostgreSQL protocol section "SASL
// Authentication"). The name inside the SCRAM messages is ignored, as in
// PostgreSQL: libpq leaves it empty and pgjdbc sends "*".
//
// The client may bind the login to the server's certificate when the
// transport has a binding; a client that was made to believe otherwise is
// refused. On success AuthenticationSASLFinal has been sent and the caller
// goes on with AuthenticationOk; on failure nothing has been sent to end the
// exchange.
//
// A login that was decided is a [*Failure], perhaps the peer's own. Any other
// error says that the client went away or could not be written to; psql does so when it finds
// that it needs a password and asks for one, so that is no failed guess.
func SCRAM(peer Peer, user string, v *Verifiers, transport Transport) (Identity, error) {
	set, err := v.current()
	if err != nil {
		return Identity{}, verifiersFailure(err)
	}
	credentials, known := set.lookup(user)
	binding, bindable := transport.binding()
	x := &exchange{peer: peer, offer: []string{mechanismPlain}}
	if bindable {
		x.offer = []string{mechanismPlus, mechanismPlain}
	}
	if x.conversation, err = newConversation(credentials, binding); err != nil {
		return Identity{}, verifiersFailure(err)
	}

	err = x.run()
	switch {
	case err == nil && known:
		return Identity{User: user, Method: MethodSCRAM, TLS: transport.TLS, ChannelBound: x.bound}, nil
	case err == nil:
		return Identity{}, passwordFailure(user, ErrUnknownUser)
	case errors.Is(err, errPeer):
		return Identity{}, err
	case !known && errors.Is(err, ErrWrongPassword):
		return Identity{}, passwordFailure(user, ErrUnknownUser)
	default:
		return Identity{}, passwordFailure(user, err)
	}
}

// errPeer marks errors of the connection, in contrast to a decided login.
var errPeer = errors.New("client")

func verifiersFailure(cause error) *Failure {
	return &Failure{
		Code:    codeSystemError,
		Message: "sluice: nobody can log in with a password at the moment",
		Hint:    "the proxy cannot use its verifiers file; its log says why",
		Cause:   cause,
	}
}

func newConversation(v verifier, binding scram.ChannelBinding) (*scram.ServerConversation, error) {
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		return v.credentials(), nil
	})
	if err != nil {
		return nil, fmt.Errorf("start SCRAM: %w", err)
	}
	return server.NewConversationWithChannelBinding(binding), nil
}

// exchange is one run of the protocol.
type exchange struct {
	peer         Peer
	offer        []string
	conversation *scram.ServerConversation
	bound        bool
}

// run goes through the four messages. It returns nil when the proof fits.
func (x *exchange) run() error {
	if err := x.send(&pgproto3.AuthenticationSASL{AuthMechanisms: x.offer}); err != nil {
		return err
	}
	body, err := x.receive()
	if err != nil {
		return err
	}
	first, err := x.clientFirst(body)
	if err != nil {
		return err
	}
	challenge, err := x.conversation.Step(first)
	if err != nil {
		return stepError(challenge)
	}
	if x.conversation.AuthzID() != "" {
		return fmt.Errorf("%w: it asks to act as another user", ErrMalformed)
	}
	if err := x.send(&pgproto3.AuthenticationSASLContinue{Data: []byte(challenge)}); err != nil {
		return err
	}
	if body, err = x.receive(); err != nil {
		return err
	}
	final, err := text(body)
	if err != nil {
		return err
	}
	signature, err := x.conversation.Step(final)
	if err != nil {
		return stepError(signature)
	}
	if !x.conversation.Valid() {
		return ErrWrongPassword
	}
	return x.send(&pgproto3.AuthenticationSASLFinal{Data: []byte(signature)})
}

func (x *exchange) send(msg pgproto3.BackendMessage) error {
	if err := x.peer.SendAuth(msg); err != nil {
		return fmt.Errorf("%w: send login message: %w", errPeer, err)
	}
	return nil
}

func (x *exchange) receive() ([]byte, error) {
	body, err := x.peer.ReceiveAuth()
	if err != nil {
		return nil, fmt.Errorf("%w: receive login message: %w", errPeer, err)
	}
	if len(body) > maxMessage {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrMalformed, maxMessage)
	}
	return body, nil
}

// clientFirst checks that the mechanism was offered and that the message
// belongs to it, which the SCRAM library cannot see.
func (x *exchange) clientFirst(body []byte) (string, error) {
	mechanism, data, err := parseInitialResponse(body)
	if err != nil {
		return "", err
	}
	if !slices.Contains(x.offer, mechanism) {
		return "", fmt.Errorf("%w: it names a mechanism that was not offered", ErrMalformed)
	}
	message, err := text(data)
	if err != nil {
		return "", err
	}
	x.bound = mechanism == mechanismPlus
	if x.bound != (message != "" && message[0] == 'p') {
		return "", fmt.Errorf("%w: mechanism and channel binding flag contradict each other", ErrMalformed)
	}
	return message, nil
}

// parseInitialResponse reads the body of SASLInitialResponse: a name ending
// in NUL, a length, and exactly that many bytes.
func parseInitialResponse(body []byte) (mechanism string, data []byte, err error) {
	end := bytes.IndexByte(body, 0)
	if end < 0 || len(body) < end+5 {
		return "", nil, fmt.Errorf("%w: the initial response is cut short", ErrMalformed)
	}
	data = body[end+5:]
	if length := binary.BigEndian.Uint32(body[end+1:]); uint64(length) != uint64(len(data)) {
		return "", nil, fmt.Errorf("%w: the initial response has a wrong length", ErrMalformed)
	}
	return string(body[:end]), data, nil
}

// text accepts what can be part of a SCRAM message at all.
func text(data []byte) (string, error) {
	if !utf8.Valid(data) || bytes.ContainsFunc(data, unicode.IsControl) {
		return "", fmt.Errorf("%w: it is not printable text", ErrMalformed)
	}
	return string(data), nil
}

// stepError turns the server error value of RFC 5802 section 7 into a cause.
// The library's own error text quotes the client and is dropped.
func stepError(value string) error {
	switch value {
	case scram.ErrInvalidProof:
		return ErrWrongPassword
	case scram.ErrServerDoesSupportChannelBinding:
		return ErrDowngrade
	case scram.ErrChannelBindingsDontMatch:
		return ErrBinding
	default:
		return ErrMalformed
	}
}
