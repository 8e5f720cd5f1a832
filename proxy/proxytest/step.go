package proxytest

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// Step is one thing a fake server does. An error ends the session.
type Step func(*FakeSession) error

// errHungUp ends a session on purpose.
var errHungUp = errors.New("proxytest: the fake hung up")

var noDeadline time.Time

// Say sends messages. RowDescription is left out where the extended protocol
// has asked for it by Describe.
func Say(frames ...Frame) Step {
	return func(s *FakeSession) error {
		for _, f := range frames {
			if f.Type == 'T' && s.extended {
				continue
			}
			if err := s.SendFrames(f); err != nil {
				return err
			}
		}
		return nil
	}
}

// SayBytes sends bytes as they are.
func SayBytes(b []byte) Step {
	return func(s *FakeSession) error { return s.Send(b) }
}

// Dribble sends messages in writes of one byte.
func Dribble(frames ...Frame) Step {
	return func(s *FakeSession) error {
		s.pieces = 1
		defer func() { s.pieces = 0 }()
		return s.SendFrames(frames...)
	}
}

// CutShort sends the first n bytes of a message and closes the connection.
func CutShort(f Frame, n int) Step {
	return func(s *FakeSession) error {
		if err := s.Send(f.Bytes()[:n]); err != nil {
			return err
		}
		return errHungUp
	}
}

// Announce sends the head of a message with a length, in bytes and including
// itself, and never the message.
func Announce(kind byte, length uint32) Step {
	return func(s *FakeSession) error {
		if err := s.Send(binary.BigEndian.AppendUint32([]byte{kind}, length)); err != nil {
			return err
		}
		return Silence(s)
	}
}

// HangUp closes the connection.
func HangUp(*FakeSession) error { return errHungUp }

// Silence says nothing any more and reads what comes until the other side
// goes away.
func Silence(s *FakeSession) error {
	for {
		f, err := s.next()
		if err != nil {
			return io.EOF
		}
		s.fake.note(f)
	}
}

// Complete sends a CommandComplete.
func Complete(tag string) Step { return Say(Frame{'C', appendCString(nil, tag)}) }

// Fail sends an ErrorResponse and behaves as a server after it: a block
// fails, an extended pipeline is skipped up to Sync. An empty code leaves the
// SQLSTATE out.
func Fail(code, message string) Step {
	return func(s *FakeSession) error {
		if s.status == 'T' {
			s.status = 'E'
		}
		s.skipping = s.extended
		return s.SendFrames(ErrorFrame("ERROR", code, message))
	}
}

// Status changes the transaction status that later ReadyForQuery messages
// tell: I, T or E, or something a server never says.
func Status(status byte) Step {
	return func(s *FakeSession) error {
		s.status = status
		return nil
	}
}

// Report sends a ParameterStatus, wherever it may be out of place.
func Report(name, value string) Step { return Say(ParameterFrame(name, value)) }

// Rows sends a RowDescription of text columns and a DataRow for each row.
func Rows(columns []string, rows ...[]string) Step {
	head := appendInt16(nil, len(columns))
	for _, c := range columns {
		head = appendCString(head, c)
		head = append(head, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0)
	}
	frames := []Frame{{'T', head}}
	for _, row := range rows {
		body := appendInt16(nil, len(row))
		for _, v := range row {
			body = append(appendInt32(body, len(v)), v...)
		}
		frames = append(frames, Frame{'D', body})
	}
	return Say(frames...)
}

// ErrorFrame builds an ErrorResponse. An empty code leaves the SQLSTATE out.
func ErrorFrame(severity, code, message string) Frame {
	body := appendCString([]byte{'S'}, severity)
	body = appendCString(append(body, 'V'), severity)
	if code != "" {
		body = appendCString(append(body, 'C'), code)
	}
	body = appendCString(append(body, 'M'), message)
	return Frame{'E', append(body, 0)}
}

// ParameterFrame builds a ParameterStatus.
func ParameterFrame(name, value string) Frame {
	return Frame{'S', appendCString(appendCString(nil, name), value)}
}
