package proxytest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"github.com/xdg-go/scram"
)

// Authentication requests of an 'R' message.
const (
	authOK           = 0
	authCleartext    = 3
	authSASL         = 10
	authSASLContinue = 11
	authSASLFinal    = 12
)

const (
	mechanismPlain = "SCRAM-SHA-256"
	mechanismPlus  = "SCRAM-SHA-256-PLUS"
)

// ErrRefused says that the server answered a login with an ErrorResponse,
// which is the last of the frames returned with it.
var ErrRefused = errors.New("proxytest: the server refused the login")

// Authenticate answers authentication requests until AuthenticationOk and
// returns every message seen, that one included. SCRAM binds to the channel
// when the server offers it on TLS.
func (c *RawClient) Authenticate(password string) ([]Frame, error) {
	var seen []Frame
	var talk *scram.ClientConversation
	for {
		f, err := c.Receive()
		if err != nil {
			return seen, err
		}
		seen = append(seen, f)
		switch f.Type {
		case 'E':
			return seen, ErrRefused
		case 'R':
			done, err := c.answer(f, password, &talk)
			if done || err != nil {
				return seen, err
			}
		}
	}
}

// answer replies to one authentication request; done is true for
// AuthenticationOk.
func (c *RawClient) answer(f Frame, password string, talk **scram.ClientConversation) (done bool, err error) {
	d := &decoder{rest: f.Body}
	switch what := d.int32(); what {
	case authOK:
		return true, nil
	case authCleartext:
		return false, c.SendFrames(Frame{'p', appendCString(nil, password)})
	case authSASL:
		return false, c.startSCRAM(d, password, talk)
	case authSASLContinue, authSASLFinal:
		if *talk == nil {
			return false, errors.New("proxytest: SASL goes on that never began")
		}
		reply, err := (*talk).Step(string(d.rest))
		if err != nil {
			return false, fmt.Errorf("proxytest: SCRAM: %w", err)
		}
		if what == authSASLFinal {
			return false, nil
		}
		return false, c.SendFrames(Frame{'p', []byte(reply)})
	default:
		return false, fmt.Errorf("proxytest: authentication request %d is not known", what)
	}
}

// startSCRAM chooses the mechanism and sends the first message. The name in
// it is empty, as libpq sends it: the start-up packet names the user.
func (c *RawClient) startSCRAM(d *decoder, password string, talk **scram.ClientConversation) error {
	var offered []string
	for m := d.cstring(); m != ""; m = d.cstring() {
		offered = append(offered, m)
	}
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		return fmt.Errorf("proxytest: SCRAM: %w", err)
	}
	mechanism := mechanismPlain
	switch {
	case c.Secure != nil && slices.Contains(offered, mechanismPlus):
		mechanism = mechanismPlus
		*talk, err = bindChannel(client, c.Secure)
	case slices.Contains(offered, mechanismPlain):
		*talk = client.NewConversation()
	default:
		err = fmt.Errorf("proxytest: SASL offers only %q", offered)
	}
	if err != nil {
		return err
	}
	first, err := (*talk).Step("")
	if err != nil {
		return fmt.Errorf("proxytest: SCRAM: %w", err)
	}
	return c.SendFrames(Frame{'p', saslInitial(mechanism, first)})
}

func bindChannel(client *scram.Client, state *tls.ConnectionState) (*scram.ClientConversation, error) {
	binding, err := scram.NewTLSServerEndpointBinding(state)
	if err != nil {
		return nil, fmt.Errorf("proxytest: channel binding: %w", err)
	}
	return client.NewConversationWithChannelBinding(binding), nil
}

func saslInitial(mechanism, first string) []byte {
	body := appendCString(nil, mechanism)
	body = appendInt32(body, len(first))
	return append(body, first...)
}
